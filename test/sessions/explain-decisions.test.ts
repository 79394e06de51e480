import { createSecretKey } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { asReachedBy, rotatePublicKey } from '../../src/catalog/public-keys.js';
import { widgetView } from '../../src/catalog/widget-view.js';
import { explainDecisions } from '../../src/sessions/explain-decisions.js';
import { newKey, newTenant } from '../contract/rows.js';

const test = suite('explain the decisions of an open');
const NOW = 1_700_000_000_000;
const [OLD, NEW] = [`pk_live_${'1'.repeat(32)}`, `pk_live_${'2'.repeat(32)}`];
const key = newKey({ publicKey: OLD, allowedOrigins: ['https://acme.com'], endsAt: undefined });
const rotated = rotatePublicKey(key, NEW, 60_000, NOW);
const request = { customerId: '', customerToken: '', locale: '', origin: 'https://acme.com' };

for (const [name, publicKey, at, more, passes, reason] of [
  ['the new public key', NEW, NOW, {}, true, 'enabled'],
  ['the old one, in its overlap', OLD, NOW + 59_999, {}, true, 'retired_in_overlap'],
  ['the old one, after its overlap', OLD, NOW + 60_000, {}, false, 'retired'],
  ['the old one of a disabled key', OLD, NOW, { enabled: false }, false, 'disabled'],
  ['the old one, past the end of the key', OLD, NOW + 2, { endsAt: NOW + 1 }, false, 'past_its_end'],
  ['the new one, past the end of the key', NEW, NOW + 2, { endsAt: NOW + 1 }, false, 'past_its_end'],
] as const) {
  test(`${name}: ${reason}`, async () => {
    const view = widgetView(newTenant(), asReachedBy(publicKey, { ...rotated, ...more }));
    const decision = (await explainDecisions({ ...request, publicKey }, view, at))[1];
    assert.is(decision?.passes, passes);
    assert.is(decision?.reason, reason);
    if (reason === 'retired_in_overlap')
      assert.match(decision?.message ?? '', /works until 2023-11-14T22:14:20.000Z/);
  });
}

test('a secret that the service cannot decrypt is a fault of the service, and explained as one', async () => {
  const view = widgetView(newTenant(), { ...key, identity: 'required' }, () =>
    Promise.reject(new Error('planted')),
  );
  const decision = (
    await explainDecisions({ ...request, publicKey: OLD, customerToken: 'a.b.c' }, view, NOW)
  )[3];
  assert.is(decision?.reason, 'secret_unreadable');
  assert.is(decision?.code, 'internal');
  assert.not.match(decision?.message ?? '', /planted/);
});

test('a bad token of a key whose secret is readable', async () => {
  const secret = createSecretKey(Buffer.alloc(32, 1));
  const view = widgetView(newTenant(), { ...key, identity: 'required' }, async () => secret);
  const decision = (
    await explainDecisions({ ...request, publicKey: OLD, customerToken: 'a.b.c' }, view, NOW)
  )[3];
  assert.is(decision?.reason, 'token_malformed');
});
