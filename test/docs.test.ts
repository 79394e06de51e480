import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isInstalled, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { parseCallersFile } from '../src/callers/callers-file.js';
import { blocksOf } from './harness/markdown.js';
import { repoFile } from './harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from './harness/service-process.js';

const test = suite('docs: the lines work as pasted');

/** The documents whose `sh` blocks are run, one after the other, and what must stand in their output. */
const DOCUMENTS: Readonly<Record<string, readonly RegExp[]>> = {
  'docs/sessions.md': [/^eyJ[\w.-]+$/m, /"catalogRevision":1/, /\n\{\}\n?$/],
  'docs/engine-api.md': [
    /"intentAllowed": true/,
    /"conversations": \[/,
    /"revision": 3/,
    /"resumeToken"/,
    /"coupon"|"tier"/,
    /"complete": true/,
  ],
  'docs/catalog.md': [/"code": "origin_not_allowed"/, /"flow_in_draft"/],
};

const links = suite('docs: the links lead somewhere');

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
  const script = blocksOf(path, 'sh').join('\n');
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
      });
      for (const pattern of expected) assert.match(stdout, pattern);
    },
    { timeoutMs: 60_000 },
  );
}

test('the clients in docs/clients.md are the files of examples/', () => {
  const document = readFileSync(repoFile('docs/clients.md'), 'utf8');
  const shown = [...document.matchAll(/\[`(examples\/\S+)`\]\(\S+\):\n\n```\w+\n([\s\S]*?)^```$/gm)];
  for (const [, file = '', code] of shown) assert.is(code, readFileSync(repoFile(file), 'utf8'), file);
  assert.equal(shown.map(([, file = '']) => file.split('.').at(-1)).sort(), [
    'go',
    'go',
    'js',
    'py',
    'ts',
    'ts',
  ]);
});

test('the callers file in the docs is one', () => {
  const [yaml = ''] = blocksOf('docs/engine-api.md', 'yaml');
  const context = { fileName: 'callers.yaml', takenNames: [], takenHashes: [], asksForCertificates: true };
  const callers = parseCallersFile(yaml, context);
  assert.equal(
    callers.map(({ name }) => name),
    ['flow-engine', 'privacy-desk'],
  );
});

for (const path of ['README.md', 'CHANGELOG.md', ...markdownOf('docs'), ...markdownOf('docs/adr')]) {
  // Code has brackets too.
  const prose = readFileSync(repoFile(path), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
  for (const [, file = '', anchor] of prose.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
    links(`${path}: ${file}${anchor === undefined ? '' : `#${anchor}`}`, () => {
      const target = readFileSync(repoFile(file === '' ? path : join(dirname(path), file)), 'utf8');
      if (anchor !== undefined) assert.ok(anchorsOf(target).includes(anchor));
    });
  }
}

function markdownOf(folder: string): string[] {
  const files = readdirSync(repoFile(folder)).filter((file) => file.endsWith('.md'));
  return files.map((file) => `${folder}/${file}`);
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
