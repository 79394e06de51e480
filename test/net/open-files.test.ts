import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { connectionsPerPort, openFileLimit } from '../../src/net/open-files.js';
import { repoFile } from '../harness/repo-file.js';

const test = suite('open files');

const MAIN = repoFile('dist/src/main.js');

for (const [most, limit, expected] of [
  [5_000, 1_000_000, 5_000],
  [5_000, 20_000, 5_000],
  [10_000, 20_000, 9_744],
  [5_000, 1_024, 256],
  [5_000, 300, 75],
  [5_000, undefined, 5_000],
] as const) {
  test(`of ${limit} files, at most ${most} connections a port: ${expected}`, () => {
    assert.is(connectionsPerPort(most, limit), expected);
  });
}

if (process.platform === 'linux') {
  test('the limit is the one of this process', () => {
    assert.ok((openFileLimit() ?? 0) >= 256);
  });

  test('a process without descriptors is told so', async () => {
    const code = `
      import { openSync } from 'node:fs';
      import { probeOpenFiles } from ${JSON.stringify(repoFile('dist/src/net/open-files.js'))};
      probeOpenFiles(() => console.log('too early'));
      setTimeout(() => {
        try { for (;;) openSync('/dev/null'); } catch {}
        probeOpenFiles((code) => process.stdout.write(code, () => process.exit()));
      }, 100);`;
    assert.is(await inShell('ulimit -n 64 && exec "$0" --input-type=module -e "$1"', code), 'EMFILE');
  });

  test(
    'a service with 300 descriptors: 400 connections to gRPC, and HTTP answers',
    async () => {
      const child = spawn('/bin/sh', ['-c', 'ulimit -n 300 && exec "$0" "$1"', process.execPath, MAIN], {
        cwd: await tempDir(),
        env: { PATH: process.env['PATH'], HTTP_ADDR: '127.0.0.1:0', GRPC_ADDR: '127.0.0.1:0' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const sockets: Socket[] = [];
      try {
        let printed = '';
        for await (const bytes of child.stdout) {
          printed += bytes;
          if (/gRPC .*:\d+\n/.test(printed)) break;
        }
        const [, url = ''] = /HTTP and Connect {2}(\S+)\n/.exec(printed) ?? [];
        const [, port] = /gRPC .*:(\d+)\n/.exec(printed) ?? [];
        for (let n = 0; n < 400; n++) {
          const socket = connect(Number(port), '127.0.0.1');
          socket.on('error', () => {});
          await once(socket, 'connect');
          sockets.push(socket);
        }
        const answer = await fetch(`${url}/`, { signal: AbortSignal.timeout(5_000) });
        assert.is(answer.status, 404);
      } finally {
        for (const socket of sockets) socket.destroy();
        child.kill('SIGKILL');
      }
    },
    { timeoutMs: 30_000 },
  );
}

/** What a shell prints that runs `script` with node as `$0`. */
async function inShell(script: string, ...args: string[]): Promise<string> {
  const child = spawn('/bin/sh', ['-c', script, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (bytes) => {
    printed += bytes;
  });
  await once(child, 'close');
  return printed;
}
