import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Attack, AttackContext, Outcome, Target } from '../attack.js';
import { grpcMessage } from '../h2.js';
import { repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';

const PATH = '/chatsessions.v1.ChatSessions/OpenSession';
const CONNECTIONS = 4;
/** Calls of one connection at a time. */
const CALLS = 25;
/** https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
const UNIMPLEMENTED = '12';
/** How long a call may take to be answered, in ms. */
const CALL_MS = 5_000;
/** One message of 10 MB, and many that each stay under the service's limit of 64 KiB. */
const BOMB = { bytes: 10_000_000, times: 1 };
const MANY = { bytes: 60_000, times: 500 };

/** Whoever asks without a token must not have the service unpack anything. */
export const gzipBombs: Attack = {
  name: 'grpc-gzip',
  shows: 'gRPC calls without a token whose messages are gzip bombs, one large or hundreds in a call',
  seconds: 6,
  quickSeconds: 1,
  async run({ target, ms }: AttackContext): Promise<Outcome> {
    const bodies = [BOMB, MANY].map(({ bytes, times }) => ({
      bytes: bytes * times,
      body: Buffer.concat(
        Array.from({ length: times }, () =>
          grpcMessage(gzipSync(Buffer.alloc(bytes), { level: 9 }), { isCompressed: true }),
        ),
      ),
    }));
    const answers = createTally();
    let sent = 0;
    let unpacked = 0;
    let refusesGzip = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        let session = sessionTo(target);
        await repeatFor(ms, CALLS, async () => {
          if (session.destroyed || session.closed) session = sessionTo(target);
          const { body, bytes } = bodies[sent++ % bodies.length] ?? { body: Buffer.alloc(0), bytes: 0 };
          unpacked += bytes;
          const answer = await callOnce(session, body);
          answers.add(answer.status);
          if (answer.encodings === 'identity') refusesGzip++;
        });
        session.destroy();
      }),
    );
    // A connection that goes on sending what is refused may be closed, with calls that have no answer yet.
    const others = answers.labels().filter((label) => !/^(UNIMPLEMENTED|reset|closed)/.test(label));
    const refused = answers.get('UNIMPLEMENTED');
    return {
      sent: `${figure(sent)} calls, ${figure(unpacked / 2 ** 20)} MiB unpacked`,
      seen: answers.text(),
      faults: [
        ...(others.length > 0 ? [`calls were answered ${answers.text()}, not UNIMPLEMENTED`] : []),
        ...(refused === 0 ? ['no call was refused'] : []),
        ...(refusesGzip < refused ? ['not all answers say grpc-accept-encoding: identity'] : []),
      ],
    };
  },
};

/** An HTTP/2 connection to the gRPC port. */
export function sessionTo({ grpc, attackFrom }: Target): ClientHttp2Session {
  const session = connectHttp2(`http://${grpc.host}:${grpc.port}`, {
    createConnection: () =>
      connect({ ...grpc, ...(attackFrom !== undefined && { localAddress: attackFrom }) }),
  });
  session.on('error', () => {});
  return session;
}

interface Answer {
  /** gRPC's status by name, or what happened instead of one. */
  readonly status: string;
  readonly encodings: string | undefined;
}

function callOnce(session: ClientHttp2Session, body: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    let stream: ClientHttp2Stream;
    try {
      stream = session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-encoding': 'gzip',
      });
    } catch {
      // The session has just ended: its next turn makes another one.
      setImmediate(resolve, { status: 'closed', encodings: undefined });
      return;
    }
    let code: string | undefined;
    let encodings: string | undefined;
    const read = (headers: Readonly<Record<string, unknown>>) => {
      const text = headers['grpc-status'];
      if (typeof text === 'string') code = text === UNIMPLEMENTED ? 'UNIMPLEMENTED' : `status ${text}`;
      const accepted = headers['grpc-accept-encoding'];
      if (typeof accepted === 'string') encodings = accepted;
    };
    const timer = setTimeout(() => stream.destroy(), CALL_MS);
    stream
      .on('response', read)
      .on('trailers', read)
      .on('error', () => {});
    stream.on('close', () => {
      clearTimeout(timer);
      resolve({ status: code ?? `reset ${stream.rstCode}`, encodings });
    });
    stream.resume();
    stream.end(body);
  });
}
