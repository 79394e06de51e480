import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { capConnections } from '../../src/net/connection-cap.js';

const test = suite('connection cap');

test('an HTTP server serves so many connections, closes the others, and reports them once a second', async () => {
  const refused: { reason: string; count: number }[] = [];
  const server = createServer((_request, response) => response.end('here'));
  capConnections(server, { max: 2, onRefused: (more) => refused.push(more) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  /** The answer to a request; empty when the connection is closed. */
  const ask = async (socket: Socket): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    const closed = once(socket, 'close').then(() => ['']);
    const [bytes] = await Promise.race([once(socket, 'data'), closed]);
    return String(bytes);
  };
  try {
    const [first, second] = [await open(), await open()];
    assert.match(await ask(first), /200 OK/);
    for (let n = 0; n < 5; n++) await once((await open()).resume(), 'close');
    assert.match(await ask(second), /200 OK/);
    // One report, unless the machine took more than a second for the five.
    const reported = () => refused.reduce((sum, { count }) => sum + count, 0);
    await until('all are reported', async () => reported() === 5);
    assert.equal(new Set(refused.map(({ reason }) => reason)), new Set(['2 connections are open']));

    first.destroy();
    await until('its place is taken', async () => (await ask(await open())).includes('200 OK'));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a failure to accept is counted, and does not end the process', async () => {
  const refused: { reason: string; count: number }[] = [];
  const server = createServer();
  capConnections(server, { max: 2, onRefused: (more) => refused.push(more) });
  for (let n = 0; n < 3; n++) server.emit('error', Object.assign(new Error(), { syscall: 'accept' }));
  await until('they are reported', async () => refused.length > 0);
  assert.equal(refused, [{ reason: 'accepting a connection failed', count: 3 }]);
});
