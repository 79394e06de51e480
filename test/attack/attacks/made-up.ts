import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';
import { FLAG, FRAME, grpcFields, headerBlock, unaryCall } from '../h2.js';
import { openH2 } from '../h2-connection.js';
import { CURRENT_PATH, flood, openRequest, rawRequest } from '../http.js';
import { figure } from '../tally.js';
import { unexpected } from './decode.js';

/** Names that nobody has: whatever remembers one must be bounded. */
const MOST = 100_000;
const CONNECTIONS = 16;
const DEPTH = 4;

/** A flood over HTTP of requests that each have a name of their own. */
function madeUp(
  definition: Pick<Attack, 'name' | 'shows'>,
  expected: readonly number[],
  next: (...args: Parameters<Attack['run']>) => () => Buffer,
): Attack {
  return {
    ...definition,
    seconds: 15,
    quickSeconds: 0.8,
    async run(context) {
      const { sent, answers } = await flood(context.target, next(context), {
        ...{ connections: CONNECTIONS, depth: DEPTH, most: MOST, ms: context.ms },
      });
      return {
        sent: `${figure(sent)} requests`,
        seen: answers.text(),
        faults: unexpected(answers.labels(), [...expected, 429, 503]),
      };
    },
  };
}

const keys = madeUp(
  { name: 'made-up-keys', shows: `up to ${figure(MOST)} widget keys that are none (HTTP)` },
  [403],
  ({ target }) =>
    () =>
      openRequest({ ...target, publicKey: `pk_live_${randomBytes(16).toString('hex')}` }),
);

const tokens = madeUp(
  { name: 'made-up-tokens', shows: `up to ${figure(MOST)} session tokens that nobody signed (HTTP)` },
  [401],
  () => () =>
    rawRequest({ method: 'GET', path: CURRENT_PATH, headers: [`Authorization: Bearer ${madeUpToken()}`] }),
);

const idempotencyKeys = madeUp(
  {
    name: 'made-up-idempotency-keys',
    shows: `up to ${figure(MOST)} opens, each with an idempotency key (HTTP)`,
  },
  [200],
  ({ target }) =>
    () =>
      openRequest(target, [`Idempotency-Key: ${randomUUID()}`]),
);

/** A token that has everything but a good signature. */
function madeUpToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  const head = part({ alg: 'HS256', typ: 'chat-session+jwt', kid: randomBytes(4).toString('hex') });
  const body = part({ sub: randomUUID(), jti: randomUUID(), tid: randomUUID(), iat: now, exp: now + 3_600 });
  return `${head}.${body}.${randomBytes(32).toString('base64url')}`;
}

const LIST_PATH = '/chatsessions.v1.ChatSessions/ListConversations';
/** Calls of one connection that wait for their answers. */
const CALLS = 50;

/** Slugs of tenants that are not there. Needs an engine caller's token. */
const tenants: Attack = {
  name: 'made-up-tenants',
  shows: `up to ${figure(MOST)} tenants that are none (gRPC, with a token)`,
  seconds: 15,
  quickSeconds: 0.8,
  async run({ target, ms }) {
    const fields = headerBlock(grpcFields(LIST_PATH, target.engineToken));
    const end = performance.now() + ms;
    let sent = 0;
    let ended = 0;
    const call = (write: ((bytes: Buffer) => boolean) | undefined) => {
      if (performance.now() >= end || sent >= MOST) return;
      const slug = Buffer.from(`t-${randomBytes(8).toString('hex')}`);
      write?.(unaryCall(2 * sent++ + 1, fields, Buffer.concat([Buffer.from([0x0a, slug.length]), slug])));
    };
    const connection = await openH2(target, {
      onFrame: ({ type, flags, stream }) => {
        const isEnd = type === FRAME.rstStream || (flags & FLAG.endStream) !== 0;
        if (stream === 0 || !isEnd) return;
        ended++;
        call(connection?.write);
      },
    });
    for (let n = 0; n < CALLS; n++) call(connection?.write);
    while (connection && !connection.isClosed() && performance.now() < end && ended < MOST) await sleep(50);
    connection?.socket.destroy();
    return {
      sent: `${figure(sent)} calls`,
      seen: `${figure(ended)} ended`,
      faults: ended === 0 ? ['no call was ended'] : [],
    };
  },
};

export const madeUpAttacks: readonly Attack[] = [keys, tokens, idempotencyKeys, tenants];
