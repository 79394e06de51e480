import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';

const RUN_MS = 240_000;
/** The cases of v1.0.5 under config.yaml: fewer would mean that the configuration leaves some out. */
const MIN_CASES = 172;
const NAME = "the official conformance suite passes on the gateway's Connect edge";

const test = suite('Connect conformance', { fileTimeoutMs: RUN_MS + 30_000 });
const tool = findTool();
if ('missing' in tool) test.skip(NAME, tool.missing);
else test(NAME, () => passes(tool), { timeoutMs: RUN_MS });

/** The suite's runner, and the folder of its proto files. */
interface Tool {
  readonly runner: string;
  readonly protos: string;
}

function findTool(): Tool | { readonly missing: string } {
  try {
    const runner = execFileSync('sh', ['-c', 'command -v connectconformance'], { encoding: 'utf8' }).trim();
    const protos = join(dirname(runner), 'proto');
    return existsSync(protos) ? { runner, protos } : { missing: `there are no proto files at ${protos}` };
  } catch {
    return { missing: 'connectconformance is not on the PATH: see .ci/go-tool' };
  }
}

async function passes({ runner, protos }: Tool): Promise<void> {
  const descriptors = join(await tempDir(), 'conformance.binpb');
  execFileSync(repoFile('node_modules/.bin/buf'), ['build', protos, '--output', descriptors]);

  const server = [process.execPath, repoFile('dist/test/conformance/server.js'), descriptors];
  const config = repoFile('test/conformance/config.yaml');
  const run = spawn(runner, ['--mode', 'server', '--conf', config, '-v', '--', ...server]);
  const exit = new Promise<number | null>((resolve) => run.once('exit', resolve));
  const output = (await Promise.all([text(run.stdout), text(run.stderr)])).join('');

  assert.is(await exit, 0, output);
  const [, passed = '', failed = ''] = /(\d+) passed, (\d+) failed/.exec(output) ?? [];
  process.stdout.write(`Connect conformance: ${passed} cases passed, ${failed} failed\n`);
  assert.is(failed, '0', output);
  assert.ok(Number(passed) >= MIN_CASES, output);
}
