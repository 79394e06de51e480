import type { Attack, AttackContext, Outcome } from '../attack.js';
import { isAnswered, openRequest, rawRequest, SESSIONS_PATH } from '../http.js';
import { connectTo, exchange, repeatFor, reset } from '../sockets.js';
import { createTally, figure } from '../tally.js';

/** How long an answer is waited for, in ms: some of these requests have none. */
const ANSWER_MS = 3_000;
const QUICK_ANSWER_MS = 1_000;
/** Attacks that go on for less are in a hurry, in ms. */
const QUICK_MS = 1_000;

/** One odd request: its parts are written one after the other. */
type Parts = readonly (Buffer | string)[];

/** An attack that sends each of some requests, then goes on with them until its time is over: never a 500. */
function oddRequests(
  definition: Pick<Attack, 'name' | 'shows' | 'seconds' | 'quickSeconds'>,
  make: (context: AttackContext) => readonly Parts[],
  { end = false } = {},
): Attack {
  return {
    ...definition,
    async run(context): Promise<Outcome> {
      const { target, ms } = context;
      const requests = make(context);
      const statuses = createTally();
      let sent = 0;
      const ask = async () => {
        const parts = requests[sent++ % requests.length] ?? [];
        const answer = await exchange(target.http, target, parts, {
          timeoutMs: ms < QUICK_MS ? QUICK_ANSWER_MS : ANSWER_MS,
          isDone: (text) => isAnswered(text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')),
          end,
        });
        statuses.add(
          answer.statuses.find((status) => status !== 100) ?? (answer.isClosed ? 'closed' : 'no answer'),
        );
      };
      const total = requests.length;
      // Each once, however short the time is, and then as often as it goes.
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (sent < total) await ask();
        }),
      );
      await repeatFor(ms, 16, ask);
      const failures = statuses.labels().filter((label) => label.startsWith('5') && label !== '503');
      return {
        sent: `${figure(sent)} requests`,
        seen: statuses.text(),
        faults: failures.map((status) => `there were answers ${status}`),
      };
    },
  };
}

const headerBytes = oddRequests(
  {
    name: 'http-header-bytes',
    shows: 'each byte from 0 to 255 in the names and values of headers (HTTP)',
    seconds: 4,
    quickSeconds: 0.3,
  },
  ({ target }) =>
    Array.from({ length: 256 }, (_, byte) => {
      const odd = String.fromCharCode(byte);
      return [
        [`X${odd}Y: z`],
        [`X-Request-Id: a${odd}b`],
        [`Origin: http://a${odd}b`],
        [`Idempotency-Key: ${odd.repeat(30)}`],
      ];
    })
      .flat()
      .map((headers) => [openRequest(target, headers)]),
);

const MANY = 20_000;

const largeHeaders = oddRequests(
  {
    name: 'http-large-headers',
    shows: 'headers of a megabyte, and thousands of them (HTTP)',
    seconds: 4,
    quickSeconds: 0.3,
  },
  ({ target }) => [
    [openRequest(target, [`X: ${'x'.repeat(15_000)}`])],
    [openRequest(target, [`X: ${'x'.repeat(1_000_000)}`])],
    [openRequest(target, [`${'x'.repeat(1_000_000)}: y`])],
    [openRequest(target, [`Origin: ${'x'.repeat(60_000)}`])],
    [
      openRequest(
        target,
        Array.from({ length: MANY }, (_, n) => `X-${n}: ${n}`),
      ),
    ],
    [
      openRequest(
        target,
        Array.from({ length: 2_000 }, () => 'X: y'),
      ),
    ],
    [
      openRequest(
        target,
        Array.from({ length: MANY }, () => ':'),
      ),
    ],
    [rawRequest({ path: `/${'x'.repeat(1_000_000)}` })],
    [rawRequest({ method: 'X'.repeat(100_000) })],
  ],
);

const CHUNKED = `POST ${SESSIONS_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;

const chunks = oddRequests(
  {
    name: 'http-chunks',
    shows: 'bodies in chunks of a byte, with chunk extensions of a megabyte, with endless trailers (HTTP)',
    seconds: 4,
    quickSeconds: 0.3,
  },
  () => [
    [CHUNKED, '1\r\n \r\n'.repeat(65_000), '0\r\n\r\n'],
    [CHUNKED, '1\r\n \r\n'.repeat(1_000_000)],
    [CHUNKED, `1;${'x'.repeat(1_000_000)}\r\n \r\n0\r\n\r\n`],
    [CHUNKED, `1;${'x=y;'.repeat(10)}\r\n \r\n`.repeat(10_000), '0\r\n\r\n'],
    [CHUNKED, '1\r\n \r\n0\r\n', 'X: y\r\n'.repeat(100_000), '\r\n'],
    [CHUNKED, '1\r\n \r\n0\r\n', `X: ${'y'.repeat(1_000_000)}\r\n\r\n`],
    [CHUNKED, '0'.repeat(1_000_000)],
    [CHUNKED, '7fffffff\r\n', 'x'.repeat(1_000_000)],
  ],
);

const EXPECT = 'Expect: 100-continue';

const expectations = oddRequests(
  {
    name: 'http-expect',
    shows:
      'Expect: 100-continue for bodies that come, are too large, or never come, and other expectations (HTTP)',
    seconds: 4,
    quickSeconds: 0.3,
  },
  ({ target }) => [
    [openRequest(target, [EXPECT])],
    [rawRequest({ headers: [EXPECT, 'Content-Length: 70000'] })],
    [rawRequest({ headers: [EXPECT, 'Content-Length: 99999999999'] })],
    [rawRequest({ headers: [EXPECT, 'Content-Length: 10'] })],
    [openRequest(target, ['Expect: 200-ok'])],
    [openRequest(target, ['Expect: 100-continue, 100-continue'])],
    [openRequest(target, [EXPECT, EXPECT])],
    [rawRequest({ method: 'GET', path: '/no/such/path', headers: [EXPECT] })],
  ],
);

const halfOpen = oddRequests(
  {
    name: 'http-half-open',
    shows: 'requests, whole and broken off, whose sender ends its side of the connection at once (HTTP)',
    seconds: 4,
    quickSeconds: 0.3,
  },
  ({ target }) => [
    [openRequest(target)],
    [openRequest(target).subarray(0, -5)],
    [openRequest(target).subarray(0, 30)],
    [''],
    [CHUNKED],
  ],
  { end: true },
);

/** A caller that is gone before its answer is there. */
const abortStorm: Attack = {
  name: 'http-aborts',
  shows: 'opens whose sender resets the connection at once (HTTP)',
  seconds: 5,
  quickSeconds: 0.6,
  async run({ target, ms }) {
    const requests = [
      openRequest(target),
      openRequest(target).subarray(0, -5),
      openRequest(target).subarray(0, 40),
    ];
    let sent = 0;
    await repeatFor(ms, 32, async () => {
      const socket = await connectTo(target.http, target);
      if (socket === undefined) return;
      socket.write(requests[sent++ % requests.length] ?? '');
      await new Promise((resolve) => setImmediate(resolve));
      reset(socket);
    });
    return { sent: `${figure(sent)} connections`, seen: 'nothing read', faults: [] };
  },
};

export const oddRequestAttacks: readonly Attack[] = [
  headerBytes,
  largeHeaders,
  chunks,
  expectations,
  halfOpen,
  abortStorm,
];
