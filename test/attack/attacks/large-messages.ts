import type { ClientHttp2Session } from 'node:http2';
import type { Attack, AttackContext, Outcome } from '../attack.js';
import { grpcMessage } from '../h2.js';
import { repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';
import { sessionTo } from './gzip.js';

/** The RPC that takes the largest requests. */
const PATH = '/chatsessions.v1.Catalog/ApplyTenant';
const MAX_BYTES = 8 * 1024 * 1024;
const CONNECTIONS = 3;
/** Calls of one connection at a time: with more, the service drops the oldest unfinished ones (grpc-unfinished). */
const CALLS = 1;
/** How long a call may take to be answered, in ms. */
const CALL_MS = 15_000;
/** `UNAUTHENTICATED`, and `UNAVAILABLE` and `RESOURCE_EXHAUSTED` for more than the service holds. */
const EXPECTED: ReadonlySet<string> = new Set(['16', '14', '8']);

/** Definitions of 8 MiB, with and without a token: one long text, and nothing but empty flows or broken rules. */
const DEFINITIONS: readonly Buffer[] = [
  lengthDelimited(0x12, Buffer.alloc(MAX_BYTES - 20, 'x')),
  repeated(Buffer.from([0x1a, 0])),
  repeated(Buffer.from([0x22, 3, 0x0a, 1, 0x20])),
];

/** Large requests are received before anybody is asked who they are, so only their memory is bounded. */
export const largeMessages: Attack = {
  name: 'grpc-large',
  shows: 'definitions of tenants of 8 MiB, by nobody and by a caller who may apply them (gRPC)',
  seconds: 8,
  quickSeconds: 1,
  tolerance: { refused: 0.5, grpc: 0.5, p99Ms: 3_000 },
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const bodies = DEFINITIONS.map((definition) => grpcMessage(lengthDelimited(0x0a, definition)));
    const answers = createTally();
    let sent = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        let session = sessionTo(target);
        await repeatFor(ms, CALLS, async () => {
          if (session.destroyed || session.closed) session = sessionTo(target);
          const body = bodies[sent++ % bodies.length] ?? Buffer.alloc(0);
          answers.add(await callOnce(session, body, sent % 2 === 0 ? target.engineToken : undefined));
        });
        session.destroy();
      }),
    );
    const others = answers
      .labels()
      .filter((label) => !EXPECTED.has(label) && !/^(3|reset|closed)/.test(label));
    return {
      sent: `${figure(sent)} calls of 8 MiB`,
      seen: answers.text(),
      faults: others.length > 0 ? [`calls were answered ${answers.text()}`] : [],
    };
  },
};

/** @returns gRPC's status, or what happened instead of one */
function callOnce(session: ClientHttp2Session, body: Buffer, token: string | undefined): Promise<string> {
  return new Promise((resolve) => {
    let status: string | undefined;
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    });
    const read = (headers: Readonly<Record<string, unknown>>) => {
      const text = headers['grpc-status'];
      if (typeof text === 'string') status = text;
    };
    const timer = setTimeout(() => stream.destroy(), CALL_MS);
    stream
      .on('response', read)
      .on('trailers', read)
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(timer);
        resolve(status ?? `reset ${stream.rstCode}`);
      });
    stream.resume();
    stream.end(body);
  });
}

function lengthDelimited(tag: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let left = bytes.length; ; left >>>= 7) {
    length.push(left > 0x7f ? (left & 0x7f) | 0x80 : left);
    if (left <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
}

function repeated(record: Buffer): Buffer {
  return Buffer.alloc(Math.floor((MAX_BYTES - 20) / record.length) * record.length, record);
}
