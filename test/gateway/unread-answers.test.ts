import { EventEmitter } from 'node:events';
import { request as httpRequest } from 'node:http';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { createUnreadAnswers } from '../../src/gateway/unread-answers.js';
import { startTestApp, type TestApp } from '../harness/app.js';

const test = suite('unread answers');

const KIB = 1024;

/** A response that is read by nobody, until its client does. */
class FakeResponse extends EventEmitter {
  isDestroyed = false;
  destroy(): this {
    this.isDestroyed = true;
    this.emit('close');
    return this;
  }
  read(): void {
    this.emit('close');
  }
}

test('the oldest answers are dropped when all take too much, and no more of them than must be', () => {
  const hold = createUnreadAnswers(300 * KIB);
  const responses = [100, 100, 100, 150].map((kib) => {
    const response = new FakeResponse();
    hold(response, kib * KIB);
    return response;
  });
  assert.equal(
    responses.map(({ isDestroyed }) => isDestroyed),
    [true, true, false, false],
  );
});

test('an answer that is read is counted no more', () => {
  const hold = createUnreadAnswers(300 * KIB);
  const responses = Array.from({ length: 50 }, () => {
    const response = new FakeResponse();
    hold(response, 200 * KIB);
    response.read();
    return response;
  });
  assert.not(responses.some(({ isDestroyed }) => isDestroyed));
});

test('small answers are not counted, and one that is larger than all may take is sent', () => {
  const hold = createUnreadAnswers(100 * KIB);
  const small = Array.from({ length: 50 }, () => new FakeResponse());
  for (const response of small) hold(response, KIB);
  const large = new FakeResponse();
  hold(large, 200 * KIB);
  assert.not([...small, large].some(({ isDestroyed }) => isDestroyed));
});

let service: TestApp;
test.before(async () => {
  service = await startTestApp({});
});
test.after(() => service.close());

test('an answer of 2 MB reaches a client that reads it', async () => {
  const keys = Array.from({ length: 6_000 }, (_, n) => `"K${n}":{}`).join();
  const body = `{"publicKey":"pk_live_00000000000000000000000000000001","variables":{${keys}}}`;
  const text = await new Promise<string>((resolve, reject) => {
    const sent = httpRequest(
      `${service.httpUrl}/api/public/v1/chat/sessions`,
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
  const { violations } = JSON.parse(text).details;
  assert.is(violations.length, 2 * 6_000 + 2);
});
