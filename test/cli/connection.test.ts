import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { makeAuthority, whyNoCertificates } from '../harness/certificates.js';
import { commandsOf, runCommand } from './run-command.js';

const test = suite('command line: connection');
const TOKEN = 'cse_0123456789abcdef';
const LIST = ['conversations', 'list', 'acme'];

let app: TestApp;
test.before(async () => {
  app = await startTestApp({ env: { ENGINE_API_TOKENS: `cli:${TOKEN}` } });
});
test.after(() => app.close());

test('the token comes from a file or the environment', async () => {
  const run = commandsOf(app.grpcTarget);
  const file = join(await tempDir(), 'token');
  await writeFile(file, `${TOKEN}\n`);
  for (const env of [{ CHATSESSIONS_TOKEN: TOKEN }, { CHATSESSIONS_TOKEN_FILE: file }]) {
    const { code, stderr } = await run(LIST, { env });
    assert.is(code, 0, stderr);
  }
  assert.is((await run([...LIST, '--token-file', file])).code, 0);
});

test('no token, or a wrong one: one line with the code, and exit code 4', async () => {
  const run = commandsOf(app.grpcTarget);
  for (const env of [{}, { CHATSESSIONS_TOKEN: `${TOKEN}x` }]) {
    const { code, stdout, stderr } = await run(LIST, { env });
    assert.is(code, 4);
    assert.is(stdout, '');
    assert.match(stderr, /^chatsessions: unauthenticated: [^\n]+\n$/);
    assert.not.match(stderr, TOKEN);
  }
});

test('a text that is no token is a wrong use', async () => {
  const { code, stderr } = await commandsOf(app.grpcTarget)(LIST, {
    env: { CHATSESSIONS_TOKEN: 'my token' },
  });
  assert.is(code, 2);
  assert.match(stderr, /CHATSESSIONS_TOKEN holds no engine token/);
  assert.not.match(stderr, 'my token');
});

test('unreachable: exit code 3, in one line that names the address; as JSON for scripts', async () => {
  const { code, stderr } = await runCommand([...LIST, '--addr', '127.0.0.1:1']);
  assert.is(code, 3);
  assert.match(stderr, /^chatsessions: unreachable: no answer from 127\.0\.0\.1:1: [^\n]+\n$/);
  const json = await runCommand([...LIST, '--addr', '127.0.0.1:1', '--json']);
  assert.is(JSON.parse(json.stderr).error.code, 'unreachable');
});

const why = whyNoCertificates();
if (why) {
  test.skip('TLS', why);
} else {
  test('TLS, with a client certificate', async () => {
    const authority = makeAuthority(await tempDir());
    const [server, client] = [authority.issue('server', '/CN=localhost'), authority.issue('me', '/CN=me')];
    const secure = await startTestApp({
      env: {
        ENGINE_API_TOKENS: `cli:${TOKEN}`,
        GRPC_TLS_CERT: server.certFile,
        GRPC_TLS_KEY: server.keyFile,
        GRPC_TLS_CLIENT_CA: authority.certFile,
      },
    });
    try {
      const run = commandsOf(secure.grpcTarget);
      const env = { CHATSESSIONS_TOKEN: TOKEN, CHATSESSIONS_TLS_CA: authority.certFile };
      const tls = ['--tls-cert', client.certFile, '--tls-key', client.keyFile];
      const { code, stderr } = await run([...LIST, ...tls], { env });
      assert.is(code, 0, stderr);
      assert.is((await run(LIST, { env })).code, 3, 'without a client certificate');
      assert.is((await run(LIST, { env: { CHATSESSIONS_TOKEN: TOKEN } })).code, 3, 'without TLS');
    } finally {
      await secure.close();
    }
  });
}
