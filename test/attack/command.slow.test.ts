import { execFile } from 'node:child_process';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { withStatus } from './with-status.js';

const test = suite('attack: the command', { fileTimeoutMs: 180_000 });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run attack -- …args`, without the build. */
function attack(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [repoFile('dist/test/attack/main.js'), ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

test(
  'it starts a service, attacks it, and says what came of it',
  async () => {
    const { code, stdout } = await attack('--quick', '--only', 'http-smuggling');
    assert.match(stdout, /^attack +p99 ms .*\n\(no attack\) +\d+\nhttp-smuggling .* (held|FAILED)$/m);
    assert.match(stdout, /http-smuggling: [\d,]+ requests → 400 × [\d,]+\n/);
    // A machine that is busy with other things may have made visitors wait too long.
    assert.is(code, / 0 failed\n/.test(stdout) ? 0 : 1);
  },
  { timeoutMs: 60_000 },
);

test(
  'it exits with 1 when a service does not hold',
  () =>
    withStatus(500, async ({ http }) => {
      const address = `${http.host}:${http.port}`;
      const given = ['--http', address, '--grpc', address, '--key', 'pk_live_x'];
      const { code, stdout } = await attack('--quick', '--only', 'host-headers', ...given);
      assert.is(code, 1);
      assert.match(stdout, /^✘ host-headers in .*\n {2}Host: % at .*: 500\n/);
      assert.match(stdout, /\n0 held, 1 failed\n/);
    }),
  { timeoutMs: 60_000 },
);

test('what it does not understand is one sentence', async () => {
  const { code, stderr } = await attack('--only', 'all');
  assert.is(code, 2);
  assert.match(stderr, /^attack: --only does not know "all"; there are decode-repeated-struct, .*\n$/);
});

test('it lists its attacks, and helps', async () => {
  assert.match((await attack('--list')).stdout, /^host-headers +Host headers that are no host/m);
  assert.match((await attack('--help')).stdout, /^Usage: npm run attack/);
});
