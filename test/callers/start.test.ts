import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { startService } from '../harness/service-process.js';

const test = suite('start with a callers file');

test('a callers file with faults: each with its line, before anything is started', async () => {
  const file = join(await tempDir(), 'callers.yaml');
  await writeFile(
    file,
    'callers:\n  - name: secret-name!\n    tokenHashes: [secret-token]\n    tenants: all\n    scopes: [reed]\n' +
      '    certificateSubject: {CN: a}\n',
  );
  const service = await startService({ ENGINE_CALLERS_FILE: file });
  assert.is(await service.exited, 1);
  const lines = service.stderr().split('\n');
  assert.match(lines[0] ?? '', /^chatsessions: \/.*callers\.yaml:2:11 callers\[0\]\.name: /);
  assert.match(lines[1] ?? '', /callers\.yaml:3:19 callers\[0\]\.tokenHashes\[0\]: /);
  assert.match(lines[2] ?? '', /callers\.yaml:5:14 callers\[0\]\.scopes\[0\]: .*did you mean read\?$/);
  assert.match(
    lines[3] ?? '',
    /callers\.yaml:6:25 callers\[0\]\.certificateSubject: needs GRPC_TLS_CLIENT_CA/,
  );
  assert.equal(lines.slice(4), ['']);
  assert.not.match(service.stderr(), /secret/);
  assert.equal(await readdir(service.cwd), []);
});

test('with a callers file gRPC is not open, so there is nothing to show on it', async () => {
  const service = await startService({ ENGINE_CALLERS_FILE: repoFile('test/cases/engine-callers.yaml') });
  await service.printed(/gRPC {2,}\S+\n/);
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0);
  assert.not.match(service.stdout(), 'the self-test failed');
});
