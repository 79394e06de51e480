import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { Target } from './attack.js';
import { answerReader, flood, isAnswered, rawRequest } from './http.js';
import { connectMany, exchange, heldByService, waitUntilFreed } from './sockets.js';

const test = suite('attack: HTTP by hand');

const ANSWERS =
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/' +
  'HTTP/1.1 100 Continue\r\n\r\n' +
  'HTTP/1.1 404 Not Found\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' +
  'HTTP/1.1 204 No Content\r\n\r\n' +
  'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n';

test('answers are told apart, however they arrive', () => {
  for (const size of [1, 7, 10_000]) {
    const statuses: number[] = [];
    const onChunk = answerReader((status) => statuses.push(status));
    for (let at = 0; at < ANSWERS.length; at += size) onChunk(Buffer.from(ANSWERS.slice(at, at + size)));
    assert.equal(statuses, [200, 404, 204, 503], `${size} bytes at a time`);
  }
});

test('an answer is there when its last byte is', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  assert.ok(isAnswered(answer));
  assert.not(isAnswered(answer.slice(0, -1)));
});

test('a request has what it is not given', () => {
  assert.is(
    rawRequest({ path: '/x', body: 'é', headers: ['content-type: text/plain'] }).toString(),
    'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\ncontent-type: text/plain\r\n\r\né',
  );
  assert.is(rawRequest({ method: 'GET' }).toString().split('\r\n').length, 4);
});

/** Runs a server that treats each connection in a way of its own. */
async function withServer(onConnection: (socket: Socket) => void, run: (target: Target) => Promise<void>) {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  try {
    await run({ http: address, grpc: address, publicKey: 'pk_live_x', tenant: 'acme' });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

test('a flood counts what is answered, and what is closed instead, and stops in time', async () => {
  let requests = 0;
  const answer = (socket: Socket) =>
    socket.on('data', () => {
      requests++;
      if (requests % 10 === 0) socket.destroy();
      else socket.write('HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n');
    });
  await withServer(answer, async (target) => {
    const { sent, answers } = await flood(target, () => rawRequest({}), {
      ...{ connections: 3, ms: 10_000, most: 100 },
    });
    assert.is(sent, 100);
    assert.is(answers.get(429) + answers.get('closed'), 100);
    assert.is(answers.get('closed'), 10);
  });
});

test('a flood of a server that never answers ends too', async () => {
  await withServer(
    () => {},
    async (target) => {
      const { sent, answers } = await flood(target, () => rawRequest({}), { connections: 2, ms: 50 });
      assert.equal([sent, answers.total()], [2, 0]);
    },
  );
});

test('an exchange says what came back and whether the connection was closed', async () => {
  await withServer(
    (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    async (target) => {
      const { statuses, isClosed } = await exchange(target.http, target, ['x'], { timeoutMs: 5_000 });
      assert.equal([statuses, isClosed], [[400], true]);
    },
  );
  await withServer(
    () => {},
    async (target) => {
      const { statuses, isClosed } = await exchange(target.http, target, ['x'], { timeoutMs: 50 });
      assert.equal([statuses, isClosed], [[], false]);
    },
  );
});

if (process.platform !== 'linux') test.skip('connections that a server holds', 'needs /proc/net/tcp');
else
  test('connections that a server holds are known from the outside, whether this end reads or not', async () => {
    const taken: Socket[] = [];
    await withServer(
      (socket) => taken.push(socket),
      async (target) => {
        const sockets = await connectMany(5, target.http, target, (socket) => socket.pause());
        await until('all are taken', async () => taken.length === 5);
        assert.is(heldByService(target.http, sockets), 5);
        assert.is(await waitUntilFreed(target.http, sockets, 300), 5);
        for (const socket of taken.splice(0, 3)) socket.destroy();
        await until('three are let go of', async () => heldByService(target.http, sockets) === 2);
        for (const socket of taken) socket.end();
        assert.is(await waitUntilFreed(target.http, sockets, 5_000), 0);
        for (const socket of sockets) socket.destroy();
      },
    );
  });
