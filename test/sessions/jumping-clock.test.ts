import { setTimeout as sleep } from 'node:timers/promises';
import { suite, until } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ChatSessionsClient } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { readStream } from '../harness/stream-reader.js';
import type { Answer } from '../parity/answer.js';
import { callOver, textOf } from '../parity/call.js';

/** Two processes on one database: the wall clock of the second one jumps. */
const test = suite('a wall clock that jumps');

let right: TestApp;
let jumping: TestApp;
/** How far the clock of `jumping` is off, in ms. */
let wrong = 0;

test.before(async () => {
  right = await startTestApp();
  const database = await right.withDatabase(async (_client, name) => name);
  jumping = await startTestApp({
    env: { MONGODB_URI: right.app.databaseUri, MONGODB_DB: database },
    now: () => Date.now() + wrong,
    elapsed: () => performance.now(),
  });
});
test.after(async () => {
  await jumping?.close();
  await right?.close();
});

const KEY = 'pk_live_00000000000000000000000000000001';

function good(answer: Answer): Answer {
  assert.is(answer.reason, undefined, answer.raw);
  return answer;
}

async function open(at: TestApp) {
  const answer = good(await callOver('public path', at, 'OpenSession', { request: { publicKey: KEY } }));
  return { token: textOf(answer, 'sessionToken'), id: textOf(answer, 'conversationId') };
}

const verify = (at: TestApp, token: string) => callOver('gRPC', at, 'VerifySession', { request: { token } });

for (const jump of [-50_000, 300_000]) {
  test(`set by ${jump / 1000} s: a session that was ended elsewhere is refused all the same`, async () => {
    const { token } = await open(right);
    good(await verify(jumping, token));
    wrong = jump;
    try {
      good(await callOver('public path', right, 'EndSession', { session: token }));
      await until('it is refused', async () => {
        return (await verify(jumping, token)).reason === 'invalid_session_token';
      });
    } finally {
      wrong = 0;
    }
  });
}

for (const jump of [-300_000, 300_000]) {
  test(`set by ${jump / 1000} s: its watchers, and those of others, lose nothing`, async () => {
    const clients = [right, jumping].map(
      ({ grpcTarget }) => new ChatSessionsClient(grpcTarget, credentials.createInsecure()),
    );
    const readers = clients.map((client) =>
      readStream(client.watchConversations({ tenant: 'acme', resumeToken: '' })),
    );
    try {
      for (const reader of readers) await reader.came(1);
      wrong = jump;
      // Long enough for a look at the store by the new time.
      await sleep(1_500);
      const opened = [await open(right), await open(jumping), await open(right), await open(jumping)];
      for (const reader of readers) {
        await until('all of them have come', async () => {
          const events = reader.messages.flatMap((message) => message.events);
          const ids = new Set(events.map(({ conversation }) => conversation?.conversationId));
          return opened.every(({ id }) => ids.has(id));
        });
      }
    } finally {
      wrong = 0;
      for (const reader of readers) reader.cancel();
      for (const client of clients) client.close();
    }
  });
}
