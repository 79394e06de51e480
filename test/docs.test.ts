import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { repoFile } from './harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from './harness/service-process.js';
import { suite } from './harness/suite.js';

const test = suite('docs: the lines work as pasted');

/** The documents whose `sh` blocks are run, one after the other, and what must stand in their output. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  'docs/sessions.md': [/^eyJ[\w.-]+$/m, /"catalogRevision":1/, /\n\{\}\n?$/],
  'docs/engine-api.md': [
    /"intentAllowed": true/,
    /customerVerified: false/,
    /"conversations": \[/,
    /"revision": 3/,
    /"resumeToken"/,
    /"coupon"|"tier"/,
    /"complete": true/,
  ],
};

let service: ServiceProcess;
let grpcTarget = '';

test.before(async () => {
  service = await startService();
  [, grpcTarget = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
});
test.after(async () => {
  service.child.kill('SIGTERM');
  await service.exited;
});

for (const [path, expected] of Object.entries(DOCUMENTS)) {
  const blocks = [...readFileSync(repoFile(path), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
  const script = blocks.map(([, lines = '']) => lines).join('\n');
  const missing = ['bash', 'curl', 'grpcurl'].filter((tool) => script.includes(tool) && !isInstalled(tool));
  if (missing.length > 0) {
    test.skip(path, `${missing.join(' and ')} not on the PATH`);
    continue;
  }
  test(
    path,
    async () => {
      const httpUrl = await httpUrlOf(service);
      const here = script
        .replaceAll('http://127.0.0.1:8080', httpUrl)
        .replaceAll('127.0.0.1:50051', grpcTarget);
      // An HTTP error is an answer for curl, and a failure for who pastes its line.
      const strict = `set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n${here}`;
      const { stdout } = await promisify(execFile)('bash', ['-c', strict], {
        cwd: repoFile('.'),
        env: { ...process.env, ENGINE_TARGET: grpcTarget },
      });
      for (const pattern of expected) assert.match(stdout, pattern);
    },
    { timeoutMs: 60_000 },
  );
}

test('the example in the docs is the one that is run', () => {
  const [, ...lines] = readFileSync(repoFile('examples/verify-session.js'), 'utf8').split('\n');
  assert.ok(readFileSync(repoFile('docs/engine-api.md'), 'utf8').includes(lines.join('\n')));
});

function isInstalled(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return true;
  } catch {
    return false;
  }
}
