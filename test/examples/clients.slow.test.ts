import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isInstalled, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { blocksOf, withoutIds } from '../harness/markdown.js';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';

/** A Go that has never compiled gRPC takes 90 s of CPU time, on machines that may be busy. */
const RUN_MS = 600_000;
const DOCUMENT = 'docs/clients.md';
const ENGINE_TOKEN = 'an-engine-token-of-the-examples-0123456789';

const test = suite('clients of docs/clients.md', { fileTimeoutMs: 2 * RUN_MS });

/** Sections whose commands are run, the programs that they need, and how many clients each has. */
const SECTIONS = [
  { heading: 'Go', needs: ['go'], clients: 2, prints: 'What the clients print' },
  { heading: 'Python', needs: ['python3'], clients: 1, prints: 'What the clients print' },
  { heading: 'Node', needs: [], clients: 2, prints: 'What the clients print' },
  { heading: 'Browsers', needs: [], clients: 1, prints: 'Browsers' },
];

let service: ServiceProcess;
let env: NodeJS.ProcessEnv;

test.before(async () => {
  service = await startService({ ENGINE_API_TOKENS: `examples:${ENGINE_TOKEN}` });
  const [, grpcTarget = ''] = await service.printed(/gRPC {2,}(\S+)\n/);
  env = { ...process.env, ENGINE_TARGET: grpcTarget, ENGINE_TOKEN, CHAT_URL: await httpUrlOf(service) };
});
test.after(async () => {
  service.child.kill('SIGTERM');
  await service.exited;
});

for (const { heading, needs, clients, prints } of SECTIONS) {
  const missing = needs.filter((tool) => !isInstalled(tool));
  if (missing.length > 0) {
    test.skip(heading, `${missing.join(' and ')} not on the PATH`);
    continue;
  }
  test(
    `${heading}: the commands print what stands under "${prints}"`,
    async () => {
      const script = `set -euo pipefail\n${blocksOf(DOCUMENT, 'sh', heading).join('')}`;
      const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: repoFile('.'), env });
      const expected = blocksOf(DOCUMENT, 'text', prints).join('').repeat(clients);
      assert.is(withoutIds(stdout), withoutIds(expected));
    },
    { timeoutMs: RUN_MS },
  );
}
