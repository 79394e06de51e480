import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { newKey, openAtLast } from '../crash/openers.js';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';

const test = suite('the data folder of the service');
const SEED_FILE = repoFile('test/cases/open-session.seed.yaml');
/** `st` of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';
const timeoutMs = 60_000;

/** A service with one session in a folder, and temporary files of its own. */
async function started(): Promise<{
  readonly service: ServiceProcess;
  readonly url: string;
  readonly dataDir: string;
  readonly temp: string;
}> {
  const folder = await tempDir();
  const [dataDir, temp] = [join(folder, 'data'), join(folder, 'tmp')];
  await mkdir(temp);
  // What the service makes is to be its owner's only by itself, not by the umask that it was given.
  const umask = process.umask(0);
  const service = await startService({ DATA_DIR: dataDir, SEED_FILE, TMPDIR: temp });
  process.umask(umask);
  const url = await httpUrlOf(service);
  await openAtLast(url, newKey());
  return { service, url, dataDir, temp };
}

async function stop(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGTERM');
  assert.is(await service.exited, 0, service.stderr());
}

const digest = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

test(
  'a format that this version does not know: one line, exit 1, the data as it was',
  async () => {
    const { service, dataDir } = await started();
    await stop(service);
    const data = join(dataDir, 'embedded/data.mdb');
    const format = join(dataDir, 'embedded/FORMAT');
    await writeFile(format, '2\n');
    const before = await digest(data);
    const refused = await startService({ DATA_DIR: dataDir, SEED_FILE });
    assert.is(await refused.exited, 1);
    assert.match(
      refused.stderr(),
      /^chatsessions: .*\/data\/embedded has format "2", and this version reads format 1 only\.\n$/,
    );
    assert.is(refused.stdout(), '');
    assert.is(await digest(data), before);
    assert.is(await readFile(format, 'utf8'), '2\n');

    await writeFile(format, '1\n');
    const again = await startService({ DATA_DIR: dataDir, SEED_FILE });
    await openAtLast(await httpUrlOf(again), newKey());
    await stop(again);
  },
  { timeoutMs },
);

test(
  'the folder, its socket and its files are the owner’s only',
  async () => {
    const { service, dataDir } = await started();
    const modes: Record<string, string> = {};
    assert.is((await stat(join(dataDir, 'embedded'))).mode & 0o777, 0o700);
    for (const name of ['', ...(await readdir(dataDir, { recursive: true }))]) {
      const status = await stat(join(dataDir, name));
      const others = status.mode & 0o077;
      if (others !== 0) modes[name] = (status.mode & 0o777).toString(8);
      assert.is(status.uid, process.getuid?.(), name);
    }
    await stop(service);
    assert.equal(modes, {});
  },
  { timeoutMs },
);

test(
  'after a clean stop nothing is left but data, format, and a lock that is given back',
  async () => {
    const { service, dataDir, temp } = await started();
    await stop(service);
    const left = (await readdir(join(dataDir, 'embedded'))).sort();
    assert.equal(left, ['FORMAT', 'data.mdb', 'data.mdb-lock', 'lock.1']);
    assert.is(JSON.parse(await readFile(join(dataDir, 'embedded/lock.1'), 'utf8')).released, true);
    assert.equal((await readdir(dataDir)).sort(), ['embedded', 'session-signing-key']);
    assert.equal(await readdir(temp), []);
  },
  { timeoutMs },
);

test(
  'starts and kills leave no more behind than one clean stop',
  async () => {
    const dataDir = join(await tempDir(), 'data');
    for (let n = 0; n < 3; n++) {
      const service = await startService({ DATA_DIR: dataDir, SEED_FILE });
      await httpUrlOf(service);
      service.child.kill('SIGKILL');
      await service.exited;
    }
    const service = await startService({ DATA_DIR: dataDir, SEED_FILE });
    await httpUrlOf(service);
    await stop(service);
    assert.equal((await readdir(join(dataDir, 'embedded'))).sort(), [
      'FORMAT',
      'data.mdb',
      'data.mdb-lock',
      'lock.4',
    ]);
  },
  { timeoutMs },
);

const ports = 'it listens on HTTP_ADDR and GRPC_ADDR, and on nothing else of TCP';
if (process.platform !== 'linux') test.skip(ports, 'needs Linux, to read the sockets of a process in /proc');
else
  test(
    ports,
    async () => {
      const { service, url } = await started();
      const [, grpcPort] = await service.printed(/gRPC {2,}\S+:(\d+)\n/);
      assert.equal(
        await listeningPorts(service.child.pid ?? 0),
        [Number(new URL(url).port), Number(grpcPort)].sort((a, b) => a - b),
      );
      await stop(service);
    },
    { timeoutMs },
  );

async function listeningPorts(pid: number): Promise<number[]> {
  const inodes = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const [, inode] =
      /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) ?? [];
    if (inode !== undefined) inodes.add(inode);
  }
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(1));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && inodes.has(inode ?? ''))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16))
    .sort((a, b) => a - b);
}
