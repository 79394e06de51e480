import { createHmac, randomBytes } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createIdentitySecrets, type EncryptionKey } from '../../src/catalog/identity-secrets.js';
import type { IdentitySecret } from '../../src/catalog/model.js';

const test = suite('identity secrets');

const KEY_ID = '0193aa00-0000-7000-8000-000000000001';
const OLD: EncryptionKey = { kid: 'old', secret: Buffer.alloc(32, 1) };
const NEW: EncryptionKey = { kid: 'new', secret: Buffer.alloc(32, 2) };

const withKeys = (...keyring: readonly EncryptionKey[]) =>
  createIdentitySecrets({ keyring: async () => keyring, randomBytes });

/** What a secret opens to, as text, or why it does not open. */
async function opened(secret: IdentitySecret, ...keyring: readonly EncryptionKey[]): Promise<string> {
  return withKeys(...keyring)
    .open(secret)
    .then(
      (key) => key.export().toString('utf8'),
      (error: Error) => error.message,
    );
}

test('what is shown is the HMAC key as it is: 32 random bytes as 43 characters', async () => {
  const { shown, stored } = await withKeys(OLD).make(KEY_ID, 1);
  assert.match(shown, /^[A-Za-z0-9_-]{43}$/);
  const key = await withKeys(OLD).open(stored);
  const signature = (secret: string | typeof key) => createHmac('sha256', secret).update('x').digest('hex');
  assert.is(signature(key), signature(shown));
});

test('the first key seals, all open', async () => {
  const { shown, stored } = await withKeys(OLD).make(KEY_ID, 1);
  assert.is(stored.kid, 'old');
  assert.is((await withKeys(NEW, OLD).make(KEY_ID, 1)).stored.kid, 'new');
  assert.is(await opened(stored, NEW, OLD), shown);
});

const PLACE = `the identity secret of the widget key ${KEY_ID} cannot be opened: IDENTITY_ENCRYPTION_KEYS has`;
const ANOTHER = `${PLACE} another key than it was sealed with by the name old`;
const CLOSED: readonly (readonly [name: string, keyring: readonly EncryptionKey[], message: string])[] = [
  ['no keys', [], `${PLACE} no key by the name old`],
  ['a key by another name', [{ ...OLD, kid: 'other' }], `${PLACE} no key by the name old`],
  ['another key by its name', [{ ...NEW, kid: 'old' }], ANOTHER],
];
for (const [name, keyring, message] of CLOSED) {
  test(`does not open with ${name}, and says which key is missing`, async () => {
    const { stored } = await withKeys(OLD).make(KEY_ID, 1);
    assert.is(await opened(stored, ...keyring), message);
  });
}

test('without a key nothing is made', async () => {
  assert.is(await withKeys().canMake(), false);
  assert.is(await withKeys(OLD).canMake(), true);
  const error = await withKeys()
    .make(KEY_ID, 1)
    .catch((thrown: unknown) => thrown);
  assert.match(String(error), /no key to seal/);
});

test('the same secret is never sealed the same way twice', async () => {
  let calls = 0;
  const randomBytesOf = (size: number) => (size === 32 ? Buffer.alloc(32, 7) : Buffer.alloc(size, ++calls));
  const secrets = createIdentitySecrets({ keyring: async () => [OLD], randomBytes: randomBytesOf });
  const [a, b] = [await secrets.make(KEY_ID, 1), await secrets.make(KEY_ID, 1)];
  assert.is(a.shown, b.shown);
  assert.not.equal(a.stored.sealed, b.stored.sealed);
});

const place = fc.record({ keyId: fc.uuid(), generation: fc.integer({ min: 1 }) });

test('any secret opens again where it was made, and nowhere else', async () => {
  await fc.assert(
    fc.asyncProperty(place, place, async (here, there) => {
      const { shown, stored } = await withKeys(OLD).make(here.keyId, here.generation);
      assert.is(await opened(stored, NEW, OLD), shown);
      fc.pre(here.keyId !== there.keyId);
      for (const moved of [{ keyId: there.keyId }, { generation: here.generation + 1 }])
        assert.match(await opened({ ...stored, ...moved }, OLD), /cannot be opened/);
    }),
  );
});

test('with any one bit flipped, cut or longer, it does not open', async () => {
  const { stored } = await withKeys(OLD).make(KEY_ID, 1);
  for (let bit = 0; bit < stored.sealed.length * 8; bit++) {
    const sealed = Uint8Array.from(stored.sealed, (byte, i) =>
      i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte,
    );
    assert.is(await opened({ ...stored, sealed }, OLD), ANOTHER, `bit ${bit}`);
  }
  for (let length = 0; length < stored.sealed.length; length++)
    assert.is(await opened({ ...stored, sealed: stored.sealed.subarray(0, length) }, OLD), ANOTHER);
  assert.is(
    await opened({ ...stored, sealed: Buffer.concat([stored.sealed, Buffer.alloc(1)]) }, OLD),
    ANOTHER,
  );
});
