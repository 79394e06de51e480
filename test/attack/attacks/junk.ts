import { newSeed, type SeededRandom, seededRandom } from '@chatsessions/test-harness';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { frame, PREFACE, settings } from '../h2.js';
import { openRequest } from '../http.js';
import { exchange, repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';

/** The start of a TLS handshake: a record of a ClientHello (RFC 8446, section 5.1). */
const TLS_HELLO = Buffer.concat([
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  Buffer.alloc(500, 7),
]);
/** How long the service may take to close what is none of its protocol, in ms: the time it gives to headers, and more. */
const CLOSED_MS = 8_000;
/** How long the answer to junk is waited for in a flood, in ms. */
const JUNK_MS = 300;

/** A client that speaks another protocol must be told, or closed, and not kept. */
const wrongProtocol: Attack = {
  name: 'wrong-protocol',
  shows: 'HTTP/2 and TLS on the HTTP port, HTTP/1 and TLS on the gRPC port: answered or closed',
  seconds: 9,
  quickSeconds: 0.5,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const tries = [
      ['HTTP/2 at HTTP', target.http, Buffer.concat([PREFACE, settings()])],
      ['TLS at HTTP', target.http, TLS_HELLO],
      ['HTTP/1 at gRPC', target.grpc, openRequest(target)],
      ['TLS at gRPC', target.grpc, TLS_HELLO],
    ] as const;
    const patience = Math.min(ms, CLOSED_MS);
    const done = await Promise.all(
      tries.map(async ([name, address, bytes]) => {
        const { isClosed, statuses } = await exchange(address, target, [bytes], { timeoutMs: patience });
        return { name, isClosed, status: statuses[0] };
      }),
    );
    const kept = done.filter(({ isClosed }) => !isClosed).map(({ name }) => name);
    return {
      sent: `${tries.length} connections`,
      seen: done
        .map(({ name, isClosed, status }) => `${name}: ${status ?? (isClosed ? 'closed' : 'kept')}`)
        .join(', '),
      faults: ms >= CLOSED_MS && kept.length > 0 ? [`kept open: ${kept.join(', ')}`] : [],
    };
  },
};

/** Makes what is sent over one connection. */
type Junk = (random: SeededRandom) => Buffer;

const JUNK: readonly Junk[] = [
  (random) => randomBytes(random, 1 + random.below(2_000)),
  (random) => Buffer.concat([PREFACE, settings(), randomFrames(random)]),
  (random) => Buffer.concat([PREFACE, randomBytes(random, 500)]),
  (random) => Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nHost: x\r\n'), randomBytes(random, 500)]),
  () => Buffer.alloc(100_000),
  () => Buffer.alloc(100_000, '\r\n'),
];

const junk: Attack = {
  name: 'junk',
  shows: 'random bytes and random frames, on both ports',
  seconds: 6,
  quickSeconds: 0.8,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const seed = newSeed();
    const random = seededRandom(seed);
    const seen = createTally();
    let sent = 0;
    await repeatFor(ms, 32, async () => {
      const address = sent++ % 2 === 0 ? target.http : target.grpc;
      const bytes = random.pick(JUNK)(random);
      const { statuses, isClosed } = await exchange(address, target, [bytes], { timeoutMs: JUNK_MS });
      seen.add(statuses[0] ?? (isClosed ? 'closed' : 'not closed at once'));
    });
    const failures = seen.labels().filter((label) => label === '500');
    return {
      sent: `${figure(sent)} connections, seed ${seed}`,
      seen: seen.text(),
      faults: failures.length > 0 ? ['junk was answered with 500'] : [],
    };
  },
};

export const junkAttacks: readonly Attack[] = [wrongProtocol, junk];

function randomBytes(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function randomFrames(random: SeededRandom): Buffer {
  return Buffer.concat(
    Array.from({ length: 1 + random.below(20) }, () =>
      frame(random.below(12), random.below(256), random.below(8), randomBytes(random, random.below(40))),
    ),
  );
}
