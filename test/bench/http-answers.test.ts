import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { answerReader } from '../../bench/load/http-answers.js';

const test = suite('bench: answers of an HTTP connection');

/** Answers as servers send them, and what is to be read of each. */
const ANSWERS: readonly (readonly [bytes: string, status: number, isLast: boolean])[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, false],
  ['HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: a/b\r\ncontent-length:2\r\n\r\n{}', 422, false],
  ['HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n', 204, false],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n',
    200,
    false,
  ],
  ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n', 200, false],
  ['HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 413, true],
  ['HTTP/1.1 200 OK\r\nDate: now\r\n\r\n', 200, true],
];

for (const [bytes, status, isLast] of ANSWERS) {
  test(`${JSON.stringify(bytes.slice(9, 60))}…`, () => {
    const read: unknown[] = [];
    answerReader((...answer) => read.push(answer))(Buffer.from(bytes));
    assert.equal(read, [[status, isLast]]);
  });
}

test('however the bytes are cut, the same answers are read', () => {
  const many = fc.array(fc.constantFrom(...ANSWERS.slice(0, 5)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(many, fc.array(fc.nat(400)), (answers, cuts) => {
      const bytes = Buffer.from(answers.map(([text]) => text).join(''));
      const read: unknown[] = [];
      const reader = answerReader((...answer) => read.push(answer));
      let at = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
        const end = Math.min(cut, bytes.length);
        if (end > at) reader(bytes.subarray(at, end));
        at = Math.max(at, end);
      }
      assert.equal(
        read,
        answers.map(([, status, isLast]) => [status, isLast]),
      );
    }),
  );
});

test('an answer that is cut off is none', () => {
  for (const [bytes] of ANSWERS.slice(0, 5)) {
    const read: unknown[] = [];
    answerReader((status) => read.push(status))(Buffer.from(bytes.slice(0, -1)));
    assert.equal(read, [], bytes);
  }
});
