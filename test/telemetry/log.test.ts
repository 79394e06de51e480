import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createLog } from '../../src/telemetry/log.js';

const test = suite('log');

function logged(err: unknown): { err: Record<string, unknown> } {
  const lines: string[] = [];
  createLog('info', { write: (line: string) => lines.push(line) }).error({ err }, 'failed');
  return JSON.parse(lines.join(''));
}

test('an error is written with its cause, and without what hangs on it', () => {
  const cause = Object.assign(new RangeError('inner'), { code: 11000, op: { secret: 's3cret' } });
  const { err } = logged(Object.assign(new Error('outer', { cause }), { documents: ['s3cret'] }));
  assert.is(err['type'], 'Error');
  assert.is(err['message'], 'outer');
  assert.match(String(err['stack']), 'log.test');
  assert.not.match(JSON.stringify(err), 's3cret');
  const { stack: _, ...inner } = err['cause'] as Record<string, unknown>;
  assert.equal(inner, { type: 'RangeError', message: 'inner', code: 11000 });
});

test('an error that is its own cause is written', () => {
  const error: Error & { cause?: unknown } = new Error('round');
  error.cause = error;
  assert.is(logged(error).err['message'], 'round');
});

test('of an AggregateError the first members are written', () => {
  const members = ['a', 'b', 'c', 'd'].map((text) => new Error(text));
  const errors = logged(new AggregateError(members)).err['errors'] as { message: string }[];
  assert.equal(
    errors.map(({ message }) => message),
    ['a', 'b', 'c'],
  );
});

for (const thrown of ['text', undefined, null, 42]) {
  test(`what is no error is written: ${thrown}`, () => {
    assert.is(logged({ wrapped: thrown }).err['type'], 'Object');
    if (thrown !== undefined) assert.ok(logged(thrown));
  });
}
