import { createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Target } from './attack.js';
import { BROKEN_FRAMES } from './attacks/broken-frames.js';
import { FRAME, frame, frameReader, grpcFields, headerBlock, PREFACE, settings, unaryCall } from './h2.js';
import { openH2 } from './h2-connection.js';

const test = suite('attack: HTTP/2 by hand');

const server = createServer();
const calls: { readonly headers: IncomingHttpHeaders; body: Buffer }[] = [];
const sessionErrors: Error[] = [];
let target: Target;

test.before(async () => {
  server.on('session', (session) => session.on('error', (error) => sessionErrors.push(error)));
  server.on('stream', (stream, headers) => {
    const call = { headers, body: Buffer.alloc(0) };
    calls.push(call);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      call.body = Buffer.concat([call.body, chunk]);
    });
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end('answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  target = { http: address, grpc: address, publicKey: '', tenant: '' };
});
test.after(() => server.close());

test('a server reads the calls that are written, long and short fields alike', async () => {
  const long = 'x'.repeat(5_000);
  const connection = await openH2(target);
  const fields = headerBlock(
    grpcFields('/a.B/C', 'token', [
      ['x-long', long],
      ['x-127', 'y'.repeat(127)],
    ]),
  );
  connection?.write(unaryCall(1, fields, Buffer.from('message')));
  connection?.write(unaryCall(3, fields, Buffer.alloc(0)));
  await until('both calls are answered', async () => connection?.ended.size === 2);
  connection?.socket.destroy();

  const [first, second] = calls;
  assert.is(first?.headers[':path'], '/a.B/C');
  assert.is(first?.headers['authorization'], 'Bearer token');
  assert.is(first?.headers['x-long'], long);
  assert.is(first?.headers['x-127'], 'y'.repeat(127));
  assert.is(first?.body.toString('latin1'), '\u0000\u0000\u0000\u0000\u0007message');
  assert.is(second?.body.length, 5);
});

for (const [name, bytes] of Object.entries(BROKEN_FRAMES)) {
  test(`ends the connection: ${name}`, async () => {
    const connection = await openH2(target);
    connection?.write(bytes);
    // Some are answered with GOAWAY, some by closing at once; none is taken.
    await until('the connection is broken', async () => {
      return connection?.isClosed() === true || connection?.goAway() !== undefined;
    });
    connection?.socket.destroy();
  });
}

test('frames are read whole, however they arrive', () => {
  const sent = [
    settings([[4, 0]]),
    frame(FRAME.ping, 1, 0, Buffer.alloc(8, 7)),
    frame(FRAME.data, 1, 5, Buffer.alloc(300, 1)),
    frame(FRAME.data, 0, 7),
  ];
  for (const size of [1, 8, 9, 100, 10_000]) {
    const read: string[] = [];
    const onChunk = frameReader(({ type, flags, stream }, payload) => {
      read.push([type, flags, stream, payload.length].join());
    });
    const bytes = Buffer.concat(sent);
    for (let at = 0; at < bytes.length; at += size) onChunk(bytes.subarray(at, at + size));
    assert.equal(read, ['4,0,0,6', '6,1,0,8', '0,1,5,300', '0,0,7,0'], `${size} bytes at a time`);
  }
});

test('the preface is that of RFC 9113', () => assert.is(PREFACE.length, 24));
