import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';

const test = suite('a full disk under the service');

const folder = await tempDir();
const mount = (...args: readonly string[]) => execFileSync('mount', [...args, folder], { stdio: 'pipe' });

function isMounted(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    mount('-t', 'tmpfs', '-o', 'size=6m', 'tmpfs');
    return true;
  } catch {
    return false;
  }
}

const env = {
  DATA_DIR: join(folder, 'data'),
  SEED_FILE: repoFile('test/cases/open-session.seed.yaml'),
};

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: { readonly error?: string; readonly sessionToken?: string };
}

/** An open of nearly 4 KiB. */
async function open(url: string, key: string): Promise<Answer> {
  const answer = await fetch(`${url}/api/public/v1/chat/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({
      publicKey: 'pk_live_00000000000000000000000000000005',
      variables: { pad: 'x'.repeat(4_000) },
    }),
  });
  // The cast is safe: every answer of the public path is JSON with these members, or without them.
  const body = (await answer.json()) as Answer['body'];
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body };
}

/** Opens until `count` of them in a row have been refused. Answers the tokens by their keys. */
async function openUntilFull(url: string, count: number): Promise<Map<string, string | undefined>> {
  const tokens = new Map<string, string | undefined>();
  let refused = 0;
  const opener = async () => {
    while (refused < count) {
      const key = randomUUID();
      const { status, retryAfter, body } = await open(url, key);
      if (status === 200) {
        refused = 0;
        tokens.set(key, body.sessionToken);
        continue;
      }
      assert.is(status, 503, JSON.stringify(body));
      assert.is(body.error, 'unavailable');
      assert.match(retryAfter ?? 'none', /^\d+$/);
      refused++;
    }
  };
  await Promise.all(Array.from({ length: 16 }, opener));
  return tokens;
}

async function stopped(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGTERM');
  const code = await service.exited;
  const last = service.stderr().split('\n').slice(-20).join('\n');
  assert.is(code, 0, last);
}

const name = 'opens are refused as unavailable, recover with room, and lose nothing';
const stopName = 'a service stops cleanly on a full disk, and what it acknowledged is there';
if (!isMounted())
  for (const one of [name, stopName]) test.skip(one, 'needs root on Linux, to mount a small tmpfs');
else {
  test.after(() => void execFileSync('umount', ['-l', folder]));
  test.before.each(async () => {
    execFileSync('rm', ['-rf', env.DATA_DIR]);
    mount('-o', 'remount,size=6m');
    await mkdir(env.DATA_DIR);
  });

  test(
    name,
    async () => {
      const service = await startService(env);
      const url = await httpUrlOf(service);
      const tokens = await openUntilFull(url, 64);
      assert.ok(tokens.size > 50, `${tokens.size} before the disk was full`);
      // What is stored still answers.
      const [[key, token] = []] = tokens;
      assert.is((await open(url, key ?? '')).body.sessionToken, token);

      mount('-o', 'remount,size=32m');
      for (let n = 0; n < 50; n++) {
        const later = randomUUID();
        const { status, body } = await open(url, later);
        assert.is(status, 200);
        tokens.set(later, body.sessionToken);
      }
      await stopped(service);
      await assertAllThere(tokens);
    },
    { timeoutMs: 60_000 },
  );

  test(
    stopName,
    async () => {
      const service = await startService(env);
      const tokens = await openUntilFull(await httpUrlOf(service), 64);
      await stopped(service);
      mount('-o', 'remount,size=32m');
      await assertAllThere(tokens);
    },
    { timeoutMs: 60_000 },
  );
}

/** A replay of an open that is stored answers the very same token; of one that is lost, another. */
async function assertAllThere(tokens: ReadonlyMap<string, string | undefined>): Promise<void> {
  const service = await startService(env);
  const url = await httpUrlOf(service);
  for (const [key, token] of tokens) {
    const { status, body } = await open(url, key);
    assert.is(status, 200);
    assert.is(body.sessionToken, token);
  }
  await stopped(service);
}
