import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';

const test = suite('engine-token as a process');
const MAIN = repoFile('dist/src/main.js');
const TOKEN = 'cse_0123456789abcdef';

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Runs the command with this on its standard input. */
async function run(args: readonly string[], input = '') {
  const running = promisify(execFile)(process.execPath, [MAIN, 'engine-token', ...args]);
  running.child.stdin?.end(input);
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

test('prints a new token and its hash, and nothing else on standard output', async () => {
  const [first, second] = await Promise.all([run([]), run([])]);
  const tokens = [first, second].map(({ code, stdout, stderr }) => {
    const [token = '', hash, end, ...more] = stdout.split('\n');
    assert.is(code, 0);
    assert.match(token, /^cse_[\w-]{43}$/);
    assert.is(hash, sha256(token));
    assert.equal([end, more], ['', []]);
    assert.match(stderr, /shown this once/);
    assert.not.match(stderr, 'cse_');
    return token;
  });
  assert.is(new Set(tokens).size, 2);
});

test('--hash prints what the token was printed with', async () => {
  const [token = '', hash] = (await run([])).stdout.split('\n');
  assert.equal(await run(['--hash'], `${token}\n`), { code: 0, stdout: `${hash}\n`, stderr: '' });
});

test('--hash of no token: one line and exit 1', async () => {
  const { code, stdout, stderr } = await run(['--hash'], 'short');
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, /^chatsessions: standard input must be one token: .*\n$/);
});

for (const args of [['--hsh'], ['--hash', TOKEN], [TOKEN]]) {
  test(`engine-token ${args.join(' ')} is a wrong use`, async () => {
    const { code, stdout, stderr } = await run(args);
    assert.equal([code, stdout], [2, '']);
    assert.match(stderr, /^chatsessions: (unknown option '--hsh'|too many arguments for 'engine-token')/);
  });
}

test('--out: the token goes to a new file for its owner, the hash to standard output', async () => {
  const out = join(await tempDir(), 'token');
  const { code, stdout, stderr } = await run(['--out', out]);
  assert.is(code, 0, stderr);
  const token = (await readFile(out, 'utf8')).trim();
  assert.is(stdout, `${sha256(token)}\n`);
  assert.not.match(stderr, token);
  assert.is((await stat(out)).mode & 0o777, 0o600);
  assert.is((await run(['--out', out])).code, 1, 'it is not overwritten');
});
