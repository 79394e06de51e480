/**
 * Node 20.20: after most connection errors of HTTP/2 a server neither reads from the socket nor closes it. nghttp2 sends
 * GOAWAY and wants no more input; `Http2Session::MaybeStopReading` then stops reading, and nothing destroys the session:
 * no 'error', no 'close', and the descriptor stays after the client has closed its end. @grpc/grpc-js inherits it, and
 * frees the descriptor when its keepalive ping times out, if that is set.
 *
 *   node node-http2-broken-frame.mjs
 */
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const CONNECTIONS = 50;
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);

const BROKEN = {
  'none (the control)': Buffer.alloc(0),
  'RST_STREAM of an idle stream': frame(3, 0, 1, Buffer.alloc(4)),
  'DATA of an idle stream': frame(0, 0, 1, Buffer.from('x')),
  'a frame that is too large': frame(0, 0, 1, Buffer.alloc(10), 20_000),
  'CONTINUATION of nothing': frame(9, 4, 1, Buffer.from('x')),
  'headers that are no HPACK': frame(1, 4, 1, Buffer.alloc(6, 0xff)),
  'SETTINGS of 5 bytes': frame(4, 0, 0, Buffer.alloc(5)),
};

console.log(`node ${process.version}, nghttp2 ${process.versions.nghttp2}`);
for (const [name, bytes] of Object.entries(BROKEN)) {
  const events = new Set();
  const server = createServer();
  server.on('session', (session) => {
    session.on('error', () => events.add('error'));
    session.on('close', () => events.add('close'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const before = descriptors();
  const clients = Array.from({ length: CONNECTIONS }, () => {
    const client = connect(server.address().port, '127.0.0.1');
    client.on('error', () => {});
    client.resume();
    client.write(PREFACE);
    return client;
  });
  await sleep(300);
  for (const client of clients) client.write(bytes);
  await sleep(300);
  for (const client of clients) client.destroy();
  await sleep(1_000);
  const left = descriptors() - before;
  console.log(
    `${name}: ${left} of ${CONNECTIONS} descriptors left, events: ${[...events].join(', ') || 'none'}`,
  );
}
process.exit();

function frame(type, flags, stream, payload = Buffer.alloc(0), declaredBytes = payload.length) {
  const header = Buffer.alloc(9);
  header.writeUIntBE(declaredBytes, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function descriptors() {
  return readdirSync('/proc/self/fd').length;
}
