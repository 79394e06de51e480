import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { IdentitySecret } from './catalog.js';

/** A key that seals identity secrets: its id, and 32 bytes. */
export interface EncryptionKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** A secret that was just made: the only moment at which it can be shown. */
export interface NewIdentitySecret {
  /**
   * 43 characters of base64url. The key of the HMAC is these characters themselves, as UTF-8: what JWT libraries do
   * with a secret that is a string, so that nobody has to decode it.
   */
  readonly shown: string;
  readonly stored: IdentitySecret;
}

/** Makes and opens the secrets that sites sign their customer tokens with. */
export interface IdentitySecrets {
  /** Whether there is a key to seal with. */
  canMake(): Promise<boolean>;
  /** @throws Error when there is no key to seal with, or it cannot be read */
  make(keyId: string, generation: number): Promise<NewIdentitySecret>;
  /** The HMAC key. @throws Error that names the encryption key, when it is not there or is not the right one */
  open(secret: IdentitySecret): Promise<KeyObject>;
}

/** What making and opening secrets needs. */
export interface IdentitySecretsDeps {
  /** The first key seals, all open. */
  readonly keyring: () => Promise<readonly EncryptionKey[]>;
  readonly randomBytes: (size: number) => Uint8Array;
}

const ALGORITHM = 'aes-256-gcm';
const SECRET_BYTES = 32;
/** NIST SP 800-38D, 8.2.2: random, for far fewer than 2^32 secrets of one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Identity secrets, sealed with AES-256-GCM (NIST SP 800-38D) as nonce, ciphertext and tag. What authenticates a
 * secret's place is its widget key and generation: a row that is moved to another key does not open.
 */
export function createIdentitySecrets({ keyring, randomBytes }: IdentitySecretsDeps): IdentitySecrets {
  return {
    canMake: async () => (await keyring()).length > 0,

    async make(keyId, generation) {
      const [key] = await keyring();
      if (!key) throw new Error('no key to seal an identity secret with');
      const shown = Buffer.from(randomBytes(SECRET_BYTES)).toString('base64url');
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(placeOf({ keyId, generation }));
      const sealed = Buffer.concat([
        nonce,
        cipher.update(shown, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return { shown, stored: { keyId, generation, kid: key.kid, sealed } };
    },

    async open(secret) {
      const { keyId, kid } = secret;
      const key = (await keyring()).find((one) => one.kid === kid);
      const opened = key && unseal(key, secret);
      if (opened) return createSecretKey(opened);
      throw new Error(
        `the identity secret of the widget key ${keyId} cannot be opened: ` +
          `IDENTITY_ENCRYPTION_KEYS has ${key ? 'another key than it was sealed with' : 'no key'} by the name ${kid}`,
      );
    },
  };
}

/** @returns undefined when it is not what that key sealed in that place */
function unseal(key: EncryptionKey, secret: IdentitySecret): Buffer | undefined {
  const sealed = Buffer.from(secret.sealed);
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(placeOf(secret));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

function placeOf({ keyId, generation }: Pick<IdentitySecret, 'keyId' | 'generation'>): Buffer {
  return Buffer.from(`${keyId}:${generation}`);
}
