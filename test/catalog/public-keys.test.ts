import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { asReachedBy, rotatePublicKey, worksUntil } from '../../src/catalog/public-keys.js';
import { newKey } from '../contract/rows.js';

const test = suite('public keys of a widget key');

const NOW = 1_700_000_000_000;

test('several rotations in a row: each public key works for its own overlap, and the ended ones are left out', () => {
  const first = newKey({ publicKey: 'a' });
  const second = rotatePublicKey(first, 'b', 1_000, NOW);
  const third = rotatePublicKey(second, 'c', 5_000, NOW + 500);
  assert.equal(
    ['a', 'b', 'c', 'x'].map((asked) => worksUntil(third, asked)),
    [NOW + 1_000, NOW + 5_500, Number.POSITIVE_INFINITY, 0],
  );
  const fourth = rotatePublicKey(third, 'd', 1_000, NOW + 1_000);
  assert.equal(fourth.rotation, {
    firstPublicKey: 'a',
    retired: [
      { publicKey: 'b', until: NOW + 5_500 },
      { publicKey: 'c', until: NOW + 2_000 },
    ],
  });
});

test('without an overlap the public key of before stops at once, and others go on', () => {
  const rotated = rotatePublicKey(rotatePublicKey(newKey({ publicKey: 'a' }), 'b', 1_000, NOW), 'c', 0, NOW);
  assert.equal(
    ['a', 'b', 'c'].map((asked) => worksUntil(rotated, asked)),
    [NOW + 1_000, 0, Number.POSITIVE_INFINITY],
  );
});

test('a key ends for those who reach it by a retired public key, and never later than itself', () => {
  const rotated = rotatePublicKey(newKey({ publicKey: 'a' }), 'b', 1_000, NOW);
  const ends = (endsAt: number | undefined) =>
    ['a', 'b', 'x'].map((asked) => asReachedBy(asked, { ...rotated, endsAt }).endsAt);
  assert.equal(ends(undefined), [NOW + 1_000, undefined, 0]);
  assert.equal(ends(NOW + 500), [NOW + 500, NOW + 500, 0]);
  assert.equal(ends(NOW + 2_000), [NOW + 1_000, NOW + 2_000, 0]);
});
