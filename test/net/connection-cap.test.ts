import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { suite } from '@chatsessions/test-harness';
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
  const ask = async (socket: Socket): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    const [bytes] = await once(socket, 'data');
    return String(bytes);
  };
  try {
    const [first, second] = [await open(), await open()];
    assert.match(await ask(first), /200 OK/);
    for (let n = 0; n < 5; n++) await once((await open()).resume(), 'close');
    assert.match(await ask(second), /200 OK/);
    while (refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(refused, [{ reason: '2 connections are open', count: 5 }]);

    first.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(await ask(await open()), /200 OK/);
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
  while (refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(refused, [{ reason: 'accepting a connection failed', count: 3 }]);
});
