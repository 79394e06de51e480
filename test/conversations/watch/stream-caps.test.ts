import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createStreamCaps } from '../../../src/conversations/watch/stream-caps.js';
import { ServiceError } from '../../../src/rpc/errors.js';

const test = suite('stream caps');

/** `taken`, or the code of the refusal. */
function outcome(take: () => unknown): string {
  try {
    take();
    return 'taken';
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error);
  }
}

const LIMITS: readonly (readonly [name: string, callers: readonly (string | undefined)[], codes: string])[] =
  [
    ['one caller', ['a', 'a', 'a'], 'taken taken rate_limited'],
    ['several', ['a', 'b', 'a', 'b', 'a', 'c'], 'taken taken taken taken rate_limited taken'],
    ['all together', ['a', 'b', 'a', 'b', 'c', 'd'], 'taken taken taken taken taken rate_limited'],
    ['no callers are known: all are one', [undefined, undefined, undefined], 'taken taken rate_limited'],
  ];
for (const [name, callers, codes] of LIMITS) {
  test(`2 for each, 5 in all: ${name}`, () => {
    const { take } = createStreamCaps({ perCaller: 2, total: 5 });
    assert.is(callers.map((caller) => outcome(() => take(caller))).join(' '), codes);
  });
}

test('one that is given back can be taken again; giving it back twice gives one', () => {
  const { take } = createStreamCaps({ perCaller: 1, total: 1 });
  const release = take('a');
  release();
  release();
  assert.is(
    outcome(() => take('b')),
    'taken',
  );
  assert.is(
    outcome(() => take('a')),
    'rate_limited',
  );
});

test('a refusal says when to try again', () => {
  try {
    createStreamCaps({ perCaller: 0 }).take('a');
  } catch (error) {
    assert.ok(error instanceof ServiceError && (error.details.retryAfterSeconds ?? 0) >= 1);
    return;
  }
  assert.unreachable('was let in');
});
