import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { descriptors, memoryMiB, watchProcess } from './process-watch.js';

const NOWHERE = { http: { host: '127.0.0.1', port: 1 }, grpc: { host: '127.0.0.1', port: 2 } };

const test = suite('attack: watching a process');

test('counts what comes into the log from then on', async () => {
  const log = join(await tempDir(), 'log');
  await writeFile(log, '{"level":50,"msg":"before"}\n');
  const watch = watchProcess({ pid: process.pid, log });
  const at = (second: number) => `"time":"2027-03-04T05:06:0${second}.000Z"`;
  await appendFile(log, `{"level":30,${at(1)}}\n{"level":50,${at(1)},"msg":"fir`);
  await appendFile(log, `st"}\n{"level":60,${at(2)}}\n`);
  const used = watch.stop();
  assert.is(used.logErrors, 2);
  assert.is(used.firstLogError, `{"level":50,${at(1)},"msg":"first"}`);
  assert.is(used.logLinesPerSecond, 2);
  assert.is(used.logBytes, 155);
});

test('what cannot be known is no number', () => {
  const used = watchProcess({ pid: undefined, log: undefined }).stop();
  for (const value of [
    used.memoryMost,
    used.logLinesPerSecond,
    used.logErrors,
    memoryMiB(0),
    descriptors(0, NOWHERE),
  ])
    assert.ok(Number.isNaN(value));
});

if (process.platform !== 'linux') test.skip('a process', 'needs /proc');
else
  test('a process', () => {
    const { memoryBefore, memoryMost } = watchProcess({ pid: process.pid, log: undefined }).stop();
    assert.ok(memoryBefore > 5 && memoryMost >= memoryBefore);
  });

if (process.platform === 'linux')
  test('descriptors of its ports are counted, those of its database are not', async () => {
    const servers = [createServer(), createServer(), createServer()] as const;
    const path = join(await tempDir(), 'database.sock');
    const [http, grpc, database] = servers;
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, resolve))));
    const unix = createServer();
    await new Promise<void>((resolve) => unix.listen(path, resolve));
    const target = { http: addressOf(http), grpc: addressOf(grpc) };
    const before = descriptors(process.pid, target);
    const sockets: Socket[] = [];
    const add = async (server: Server, socket: Socket) => {
      await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
      sockets.push(socket);
      return descriptors(process.pid, target) - before;
    };
    assert.is(await add(http, connect(addressOf(http).port)), 1);
    assert.is(await add(grpc, connect(addressOf(grpc).port)), 2);
    assert.is(await add(database, connect(addressOf(database).port)), 2);
    assert.is(await add(unix, connect(path)), 2);
    for (const socket of sockets) socket.destroy();
    for (const server of [...servers, unix]) server.close();
  });

function addressOf(server: Server) {
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
