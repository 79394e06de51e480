import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { FLAG, FRAME, grpcFields, headerBlock, unaryCall } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { CURRENT_PATH, flood, openRequest, rawRequest, SESSIONS_PATH } from '../http.js';
import { createTally, figure } from '../tally.js';
import { unexpected } from './decode.js';

const OPEN_PATH = '/chatsessions.v1.ChatSessions/OpenSession';
const CONNECTIONS = 32;

/** Whoever sends a deadline that cannot be kept has the service fail as often as they like. */
const timeouts: Attack = {
  name: 'log-timeouts',
  shows: 'opens with a deadline of 0 or 1 ms, at full pace: how much is logged (Connect)',
  seconds: 6,
  quickSeconds: 1.2,
  async run({ target, ms }) {
    const body = JSON.stringify({ publicKey: target.publicKey });
    const requests = [1, 0].map((timeout) =>
      rawRequest({ path: OPEN_PATH, headers: [`Connect-Timeout-Ms: ${timeout}`], body }),
    );
    let next = 0;
    const { sent, answers } = await flood(target, () => requests[next++ % 2] ?? Buffer.alloc(0), {
      connections: CONNECTIONS,
      ms,
    });
    return {
      sent: `${figure(sent)} requests`,
      seen: answers.text(),
      // In Connect, 504 is a deadline; 408 was in its first version.
      faults: unexpected(answers.labels(), [200, 408, 429, 503, 504]),
    };
  },
};

const refusals: Attack = {
  name: 'log-refusals',
  shows:
    'broken rules, strange origins, unknown keys, bad tokens, 400, 404, 405, 413, 415, at full pace (HTTP)',
  seconds: 6,
  quickSeconds: 1.2,
  async run({ target, ms }) {
    const { publicKey } = target;
    const requests = [
      openRequest(target, ['Origin: https://elsewhere.example']),
      openRequest({ ...target, publicKey: `pk_live_${'0'.repeat(32)}` }),
      rawRequest({ body: JSON.stringify({ publicKey, locale: '!', variables: { 'Bad key': {} } }) }),
      rawRequest({ method: 'GET', path: CURRENT_PATH, headers: ['Authorization: Bearer x.y.z'] }),
      rawRequest({ method: 'GET', path: CURRENT_PATH }),
      rawRequest({ path: '/no/such/path' }),
      rawRequest({ method: 'PUT', path: SESSIONS_PATH }),
      rawRequest({ headers: ['Content-Type: text/plain'], body: '{}' }),
      rawRequest({ body: '{"publicKey"' }),
      rawRequest({
        path: OPEN_PATH,
        headers: ['Content-Type: application/proto'],
        body: Buffer.alloc(9, 255),
      }),
      rawRequest({ body: Buffer.alloc(70_000, 'x') }),
      openRequest(target, ['Content-Encoding: br']),
      // No HTTP at all: its connection is closed.
      Buffer.from('NO HTTP\r\n\r\n'),
    ];
    let next = 0;
    const { sent, answers } = await flood(
      target,
      () => requests[next++ % requests.length] ?? Buffer.alloc(0),
      { connections: CONNECTIONS, ms },
    );
    return {
      sent: `${figure(sent)} requests`,
      seen: answers.text(),
      faults: unexpected(answers.labels(), [400, 401, 403, 404, 405, 413, 415, 422, 429, 503, 'closed']),
    };
  },
};

/** Calls of one connection that wait for their answers. */
const CALLS = 50;

const grpcRefusals: Attack = {
  name: 'log-grpc-refusals',
  shows: 'calls without a token, with made-up ones, of made-up methods, at full pace (gRPC)',
  seconds: 6,
  quickSeconds: 1.2,
  async run({ target, ms }) {
    const blocks = [
      grpcFields(OPEN_PATH, undefined),
      grpcFields(OPEN_PATH, randomBytes(32).toString('base64url')),
      grpcFields('/chatsessions.v1.ChatSessions/WatchConversations', undefined),
      grpcFields('/no.such/Method', undefined),
    ].map(headerBlock);
    const counts = createTally();
    const end = performance.now() + ms;
    const work = async () => {
      while (performance.now() < end) {
        let stream = 1;
        const call = () => {
          if (performance.now() >= end) return;
          counts.add('sent');
          connection?.write(
            unaryCall(stream, blocks[(stream >> 1) % blocks.length] ?? Buffer.alloc(0), Buffer.alloc(0)),
          );
          stream += 2;
        };
        const connection = await openH2(target, {
          onFrame: ({ type, flags, stream: answered }) => {
            const isEnd = type === FRAME.rstStream || (flags & FLAG.endStream) !== 0;
            if (answered === 0 || !isEnd) return;
            counts.add('ended');
            call();
          },
        });
        for (let n = 0; n < CALLS; n++) call();
        while (connection && !connection.isClosed() && performance.now() < end) await sleep(50);
        connection?.socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 4 }, work));
    const ended = counts.get('ended');
    return {
      sent: `${figure(counts.get('sent'))} calls`,
      seen: `${figure(ended)} ended`,
      faults: ended === 0 ? ['no call was ended'] : [],
    };
  },
};

export const logAttacks: readonly Attack[] = [timeouts, refusals, grpcRefusals];
