import { createHmac } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { hmacSha256 } from '../../src/crypto/hmac.js';

const test = suite('hmac');

test('is what node:crypto makes, for any secret and any text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.string({ minLength: 1_200, maxLength: 1_400 }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(texts, { minLength: 1 }), (secret, signed) => {
      // One after the other with one function: nothing of a longer text is left for a shorter one.
      const hmac = hmacSha256(secret);
      for (const text of signed) {
        assert.is(hmac(text), createHmac('sha256', secret).update(text).digest('base64url'));
      }
    }),
  );
});
