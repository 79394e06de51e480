import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { MAX_RETIRED } from '../../src/catalog/public-keys.js';
import {
  MAX_KEYS,
  requireKey,
  type WidgetKeys,
  withKeyEnabled,
  withNewKey,
  withoutKey,
  withRotatedKey,
} from '../../src/catalog/widget-key-changes.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { newKey } from '../contract/rows.js';

const test = suite('changes of widget keys');

const NOW = 1_700_000_000_000;
const named = (...names: readonly string[]): WidgetKeys => names.map((name) => newKey({ name }));

function refusalOf(change: () => unknown): string {
  try {
    change();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.details.violations?.map(({ rule }) => rule).join() ?? error.code;
  }
  return 'none';
}

test('a new key: its name must be new, and there is room for so many', () => {
  const keys = named(...Array.from({ length: MAX_KEYS - 1 }, (_, n) => `k${n}`));
  assert.is(
    refusalOf(() => withNewKey(keys, newKey({ name: 'k7' }))),
    'already_exists',
  );
  const full = withNewKey(keys, newKey({ name: 'last' }));
  assert.is(full.length, MAX_KEYS);
  assert.is(
    refusalOf(() => withNewKey(full, newKey({ name: 'more' }))),
    'widget_keys.max_items',
  );
});

test('the keys that a change does not name stay the same objects', () => {
  const keys = named('a', 'b');
  for (const changed of [
    withKeyEnabled(keys, 'a', false),
    withRotatedKey(keys, 'a', { newPublicKey: 'x', overlapMs: 0, now: NOW }),
  ]) {
    assert.is(changed[1], keys[1]);
    assert.is.not(changed[0], keys[0]);
  }
  assert.is(withKeyEnabled(keys, 'a', true), keys);
  assert.equal(withoutKey(keys, 'a'), [keys[1]]);
  assert.is(withoutKey(keys, 'none'), keys);
});

test('so many public keys of before may work; one without an overlap, or after the first has ended, is not refused', () => {
  let keys = named('a');
  const rotate = (overlapMs: number, now: number) =>
    withRotatedKey(keys, 'a', { newPublicKey: newKey().publicKey, overlapMs, now });
  for (let n = 0; n < MAX_RETIRED; n++) keys = rotate(1_000 + n, NOW);
  assert.is(
    refusalOf(() => rotate(1, NOW + 999)),
    'public_keys.max_retired',
  );
  assert.is(requireKey(rotate(0, NOW + 999), 'a').rotation?.retired.length, MAX_RETIRED);
  assert.is(requireKey(rotate(1, NOW + 1_000), 'a').rotation?.retired.length, MAX_RETIRED);
});
