import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { runAttacker } from './attacker.js';
import { descriptors, memoryMiB, watchProcess } from './process-watch.js';
import { withStatus } from './with-status.js';

const NOWHERE = { http: { host: '127.0.0.1', port: 1 }, grpc: { host: '127.0.0.1', port: 2 } };

const test = suite('attack: playing');
const watching = suite('attack: watching a process');

for (const [status, fault] of [
  [400, undefined],
  [200, /^Host: % at \/api\/public\/v1\/chat\/sessions: 200, not 400$/],
  [500, /^Host: % at \/api\/public\/v1\/chat\/sessions: 500$/],
] as const) {
  test(`host-headers against a server that answers ${status}: ${fault ? 'faults' : 'none'}`, () =>
    withStatus(status, async (target) => {
      const { faults } = await runAttacker({ name: 'host-headers' }, { target, ms: 1 });
      if (fault) assert.match(faults[0] ?? '', fault);
      else assert.equal(faults, []);
    }));
}

for (const [name, status, expected] of [
  ['http-smuggling', 200, /: 200$/],
  ['http-expect', 500, /^there were answers 500$/],
  ['log-refusals', 500, /^there were answers 500$/],
  ['made-up-keys', 200, /^there were answers 200$/],
  ['made-up-tokens', 200, /^there were answers 200$/],
  ['pipelining-40', 500, /^there were answers 500$/],
  ['grpc-gzip', 200, /^no call was refused$/],
] as const) {
  test(`${name} fails against a server that answers ${status}`, () =>
    withStatus(status, async (target) => {
      const { faults } = await runAttacker({ name }, { target, ms: 200 });
      assert.match(faults[0] ?? '', expected);
    }));
}

test('an attack that cannot be played is a fault', () =>
  withStatus(200, async (target) => {
    const { faults } = await runAttacker({ name: 'none-such' }, { target, ms: 1 });
    assert.match(faults[0] ?? '', /^the attack could not be played: Error: there is no attack none-such/);
  }));

watching('counts what comes into the log from then on', async () => {
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

watching('what cannot be known is no number', () => {
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

if (process.platform !== 'linux') watching.skip('a process', 'needs /proc');
else
  watching('a process', () => {
    const { memoryBefore, memoryMost } = watchProcess({ pid: process.pid, log: undefined }).stop();
    assert.ok(memoryBefore > 5 && memoryMost >= memoryBefore);
  });

if (process.platform === 'linux')
  watching('descriptors of its ports are counted, those of its database are not', async () => {
    const servers = [createTcpServer(), createTcpServer(), createTcpServer()] as const;
    const path = join(await tempDir(), 'database.sock');
    const [http, grpc, database] = servers;
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, resolve))));
    const unix = createTcpServer();
    await new Promise<void>((resolve) => unix.listen(path, resolve));
    const target = { http: addressOf(http), grpc: addressOf(grpc) };
    const before = descriptors(process.pid, target);
    const sockets: Socket[] = [];
    const add = async (socket: Socket) => {
      await once(socket, 'connect');
      sockets.push(socket);
      // Until its server has it.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return descriptors(process.pid, target) - before;
    };
    assert.is(await add(connect(addressOf(http).port)), 1);
    assert.is(await add(connect(addressOf(grpc).port)), 2);
    assert.is(await add(connect(addressOf(database).port)), 2);
    assert.is(await add(connect(path)), 2);
    for (const socket of sockets) socket.destroy();
    for (const server of [...servers, unix]) server.close();
  });

function addressOf(server: TcpServer) {
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
