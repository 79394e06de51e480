import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { listening } from './test-gateway.js';

const PATH = '/api/public/v1/chat/sessions';
const RPC = '/chatsessions.v1.ChatSessions/OpenSession';
const MEGABYTE = 1_000_000;

const test = suite('refused bodies');
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

/** Sends bytes without reading until all of them are sent, as most clients do; then reads until the server closes. */
async function sendThenRead(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1').pause();
  // Only the last write waits: it is flushed when all are.
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))), () => resolve());
  });
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.resume();
  const [hadError] = await once(socket, 'close');
  assert.not(hadError, `the connection was reset after: ${received}`);
  return received;
}

const portOf = (url: string) => Number(new URL(url).port);
const head = (path: string, ...lines: readonly string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n');
const JSON_TYPE = 'Content-Type: application/json';
const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

const big = (megabytes: number) => Buffer.alloc(megabytes * MEGABYTE, 'x');
const length = (bytes: Buffer) => `Content-Length: ${bytes.length}`;
const inChunks = (bytes: Buffer, size: number) =>
  Buffer.concat([
    ...Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      chunk(bytes.subarray(at * size, (at + 1) * size)),
    ),
    Buffer.from('0\r\n\r\n'),
  ]);

const BODIES: readonly (readonly [name: string, head: string, body: Buffer, status: number])[] = [
  ...[1, 5, 20].flatMap((size) =>
    [PATH, RPC].map((path) => {
      const body = big(size);
      const status = path === PATH ? 413 : 429;
      return [`${size} MB to ${path}`, head(path, JSON_TYPE, length(body)), body, status] as const;
    }),
  ),
  ['of a client that closes', head(PATH, JSON_TYPE, length(big(20)), 'Connection: close'), big(20), 413],
  [
    'in one chunk',
    head(PATH, JSON_TYPE, 'Transfer-Encoding: chunked'),
    inChunks(big(20), 20 * MEGABYTE),
    413,
  ],
  ['in chunks of 16 bytes', head(PATH, JSON_TYPE, 'Transfer-Encoding: chunked'), inChunks(big(2), 16), 413],
  ['of another media type', head(PATH, 'Content-Type: text/plain', length(big(20))), big(20), 415],
  ['packed in another way', head(PATH, JSON_TYPE, 'Content-Encoding: br', length(big(20))), big(20), 415],
  ['at no path', head('/nowhere', length(big(20))), big(20), 404],
  ['for another method', head(PATH, length(big(20))).replace('POST', 'PUT'), big(20), 405],
  ['with an expectation', head(PATH, JSON_TYPE, length(big(20)), 'Expect: tea'), big(20), 417],
  [
    'whose client asks first, and then does not wait',
    head(PATH, JSON_TYPE, length(big(20)), 'Expect: 100-continue'),
    big(20),
    413,
  ],
  ['behind headers that are too large', head(PATH, `X: ${'x'.repeat(20_000)}`, length(big(5))), big(5), 431],
  ['in chunks that are none', head(PATH, JSON_TYPE, 'Transfer-Encoding: chunked'), big(5), 400],
];
for (const [name, start, body, status] of BODIES) {
  test(`a refused body is read, so that its sender reads ${status}: ${name}`, async () => {
    const received = await sendThenRead(portOf(service.httpUrl), start, body);
    assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\r\\nConnection: close\\r\\n`));
  });
}

test('a small body that unpacks to a large one leaves the connection open', async () => {
  const bomb = gzipSync(Buffer.alloc(40 * MEGABYTE));
  const start = head(PATH, JSON_TYPE, 'Content-Encoding: gzip', length(bomb));
  const received = await sendThenRead(
    portOf(service.httpUrl),
    ...[start, bomb, head('/nowhere', 'Content-Length: 0', 'Connection: close')],
  );
  assert.match(received, /^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 404 /);
});

test('what follows a refused body is no request any more', async () => {
  const { port, refusals, close } = await listening();
  try {
    const body = Buffer.alloc(100_000, 'x');
    const next = head('/', 'Content-Length: 0');
    const received = await sendThenRead(port, head('/', length(body)), body, next, next);
    assert.is(received.split('HTTP/1.1').length - 1, 1);
    assert.match(received, /^HTTP\/1\.1 413 /);
    assert.is(refusals.length, 1);
  } finally {
    await close();
  }
});

test('wherever reading stands when a request is refused, nothing that follows its body is served', async () => {
  const next = head('/', 'Content-Length: 0').repeat(50);
  for (let size = 4_000; size < 80_000; size += 1_777) {
    const { port, refusals, close } = await listening();
    try {
      const refused = head('/nowhere', length(Buffer.alloc(size)));
      const last = head('/nowhere', 'Content-Length: 0', 'Connection: close');
      const received = await sendThenRead(port, refused, 'x'.repeat(size), next, last);
      const [, first = '', ...others] = received.split('HTTP/1.1 ');
      // A body that has arrived whole by then leaves the connection open.
      const isClosed = first.includes('Connection: close');
      assert.is(others.length, isClosed ? 0 : 51, `${size} bytes`);
      assert.is(refusals.length, isClosed ? 1 : 2, `${size} bytes`);
    } finally {
      await close();
    }
  }
});

test('a request in the body of a refused one is not served', async () => {
  let calls = 0;
  const invoke = () => {
    calls++;
    return Promise.resolve(Object.create(null));
  };
  const { port, close } = await listening({ pipeline: { invoke } });
  try {
    const body = Buffer.from(head('/', 'Content-Length: 0').repeat(2_000));
    const received = await sendThenRead(port, head('/', length(body)), body);
    assert.is(received.split('HTTP/1.1').length - 1, 1);
    assert.is(calls, 0);
  } finally {
    await close();
  }
});

/** Opens a connection whose requests are refused. @returns it, what came back, and whether the server has closed it */
function dial(port: number): { socket: Socket; received: () => string; isReset: () => boolean } {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  let isReset = false;
  socket.on('data', (bytes) => {
    received += bytes;
  });
  socket.on('error', () => {
    isReset = true;
  });
  return { socket, received: () => received, isReset: () => isReset };
}

test('a sender that goes on without end is cut off', async () => {
  const { port, close } = await listening();
  const { socket, received, isReset } = dial(port);
  try {
    socket.write(head('/', 'Content-Length: 1000000000'));
    const send = () => {
      while (!socket.destroyed && socket.write(big(1)));
    };
    socket.on('drain', send);
    send();
    await until('it is cut off', async () => isReset());
    assert.match(received(), /^HTTP\/1\.1 413 /);
    assert.ok(socket.bytesWritten > 32 * MEGABYTE && socket.bytesWritten < 100 * MEGABYTE);
  } finally {
    socket.destroy();
    await close();
  }
});

test('a sender that drips, or only waits, is cut off', async () => {
  const { port, close } = await listening({ headersTimeoutMs: 300, requestTimeoutMs: 300 });
  const { socket, received, isReset } = dial(port);
  try {
    socket.write(head('/', 'Content-Length: 1000000000'));
    await until('it is answered', async () => received() !== '');
    // A write finds out that the other end is gone.
    await until('it is cut off', async () => {
      if (!socket.destroyed) socket.write('x');
      return isReset();
    });
  } finally {
    socket.destroy();
    await close();
  }
});

test('an answer that waits behind an earlier one is sent before the connection closes', async () => {
  const answers: (() => void)[] = [];
  const invoke = () =>
    new Promise<never>((resolve) => answers.push(() => resolve(Object.create(null) as never)));
  const { port, refusals, close } = await listening({ pipeline: { invoke } });
  try {
    const reading = sendThenRead(port, head('/', 'Content-Length: 0'), head('/', length(big(1))), big(1));
    await until('the second is refused', async () => refusals.length === 1);
    for (const answer of answers) answer();
    assert.match(await reading, /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 413 /);
  } finally {
    await close();
  }
});
