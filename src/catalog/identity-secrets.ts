import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { IdentitySecret } from './model.js';

/** A 32-byte key that encrypts identity secrets, with its key id. */
export interface EncryptionKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** A new identity secret. Only now is its plain text available; the store keeps it sealed. */
export interface NewIdentitySecret {
  /**
   * The plain text: 43 characters of base64url. The HMAC key is the UTF-8 encoding of these characters, not the decoded
   * bytes, because that is how JWT libraries use a secret given as a string.
   */
  readonly shown: string;
  readonly stored: IdentitySecret;
}

/** Creates and decrypts identity secrets, with which sites sign their customer tokens. */
export interface IdentitySecrets {
  /** Whether there is an encryption key. */
  canMake(): Promise<boolean>;
  /** Generates and seals a secret. @throws Error when there is no encryption key, or the keyring cannot be read */
  make(keyId: string, generation: number): Promise<NewIdentitySecret>;
  /** Decrypts a secret to its HMAC key. @throws Error that names the encryption key if it is missing or wrong */
  open(secret: IdentitySecret): Promise<KeyObject>;
}

/** What {@link createIdentitySecrets} needs. */
export interface IdentitySecretsDeps {
  /** Loads the encryption keys: the first one seals, all of them open. */
  readonly keyring: () => Promise<readonly EncryptionKey[]>;
  readonly randomBytes: (size: number) => Uint8Array;
}

const ALGORITHM = 'aes-256-gcm';
const SECRET_BYTES = 32;
/** A random nonce, as NIST SP 800-38D, 8.2.2 and 8.3 allow for at most 2^32 secrets per key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Creates {@link IdentitySecrets} that seal with AES-256-GCM (NIST SP 800-38D), stored as nonce, ciphertext and tag.
 * The widget key's id and the generation are authenticated as associated data, so that a sealed secret which is copied
 * to another key does not open.
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
      cipher.setAAD(associatedDataOf({ keyId, generation }));
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

/** Decrypts a sealed secret; undefined when it is too short or its authentication fails. */
function unseal(key: EncryptionKey, secret: IdentitySecret): Buffer | undefined {
  const sealed = Buffer.from(secret.sealed);
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedDataOf(secret));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

function associatedDataOf({ keyId, generation }: Pick<IdentitySecret, 'keyId' | 'generation'>): Buffer {
  return Buffer.from(`${keyId}:${generation}`);
}
