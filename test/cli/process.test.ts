import { exec } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isInstalled, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { shorten } from '../../src/cli/demo.js';
import { withoutIds } from '../harness/markdown.js';
import { repoFile } from '../harness/repo-file.js';
import { startService } from '../harness/service-process.js';

/** The service as a process; what else it does there is in the slow tests beside this file. */
const test = suite('process');
const STACK = /\n\s+at /;

test('with nothing set it shows that it works, and its commands print what it shows', async () => {
  const service = await startService();
  await service.printed(/OpenSession\n\n$/);
  const output = service.stdout();
  const shown = [...output.matchAll(/^(POST|gRPC) \S+ {2}\(\d+\.\d ms\)\n(\{[\s\S]*?\n\})$/gm)];
  assert.equal(
    shown.map(([, transport]) => transport),
    ['POST', 'gRPC'],
  );
  const [, , commands = ''] = output.split(/(Try it yourself:)/);
  const lines = commands.trim().split('\n\n');
  assert.is(lines.length, 2, output);
  for (const [index, line] of lines.entries()) {
    const [tool = ''] = line.split(' ');
    if (!isInstalled(tool)) {
      process.stdout.write(`The ${tool} line was not run: ${tool} is not on the PATH.\n`);
      continue;
    }
    const { stdout } = await promisify(exec)(line, { cwd: repoFile('.') });
    assert.is(withoutIds(shorten(JSON.parse(stdout))), withoutIds(shown[index]?.[2] ?? ''), line);
  }
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
  assert.not.match(service.stderr(), STACK);
  assert.equal(await readdir(service.cwd), ['data'], 'it writes only in its data folder');
});

test('a configuration with several faults: a clear line for each, and exit 1', async () => {
  const service = await startService({ SESSION_TTL: 'x', LOG_LEVEL: 'loud' });
  assert.is(await service.exited, 1);
  assert.match(service.stderr(), /^chatsessions: SESSION_TTL .*\nchatsessions: LOG_LEVEL .*\n$/);
  assert.is(service.stdout(), '');
});

const COMMANDS: readonly (readonly [readonly string[], number, RegExp])[] = [
  [['--help'], 0, /^Usage: chatsessions [\s\S]*\n {2}engine-token .*make a token /],
  [['serve', '--help'], 0, /MONGODB_URI +MongoDB to store in/],
  [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  [['nonsense'], 2, /^chatsessions: unknown command 'nonsense'\n$/],
  [['serve', 'twice'], 2, /^chatsessions: too many arguments for 'serve'/],
];
for (const [args, code, output] of COMMANDS) {
  test(`chatsessions ${args.join(' ')}`, async () => {
    const service = await startService({}, args);
    assert.is(await service.exited, code);
    assert.match(service.stdout() + service.stderr(), output);
  });
}
