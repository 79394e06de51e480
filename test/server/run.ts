import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repoFile } from '../harness/repo-file.js';
import { startMongod } from './mongod.js';

/**
 * `npm run test:server`: brings up a real server of MongoDB's protocol, runs all tests on it, and stops it. That is
 * `mongod` where it is on the PATH, as a replica set of one node, else FerretDB. Where the machine can have neither
 * it prints one line `skipped: REASON` and is done; once the server is up, a test that fails is a failure.
 */
interface RealServer {
  readonly uri: string;
  /** What the tests are told beside `MONGODB_URI`. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Exit status of ferretdb.sh where the machine cannot have it. */
const CANNOT = 75;
const FERRETDB = repoFile('test/server/ferretdb.sh');

process.exitCode = await main();

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'chatsessions-server-'));
  const server = hasMongod() ? await mongodServer(folder) : ferretdbServer(folder);
  if (typeof server === 'string') {
    process.stdout.write(`${server}\n`);
    await rm(folder, { recursive: true, force: true });
    return 0;
  }
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stopped = new Promise<number>((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(1));
  });
  const filters = process.argv.slice(2);
  try {
    const tested = await Promise.race([runTests(server, filters), stopped]);
    // The crash rounds of FerretDB, on one of their own: this one is not killed.
    if (filters.length > 0 || server.env['CHATSESSIONS_FERRETDB'] === undefined) return tested;
    const crashed = await Promise.race([runTests(server, [join('test', 'crash', 'crash')]), stopped]);
    return Math.max(tested, crashed);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function hasMongod(): boolean {
  return spawnSync('mongod', ['--version'], { stdio: 'ignore' }).status === 0;
}

async function mongodServer(folder: string): Promise<RealServer> {
  const { uri, stop } = await startMongod(folder);
  return { uri, env: {}, stop };
}

/** A FerretDB of this run's own, or the line that says why there is none. */
function ferretdbServer(folder: string): RealServer | string {
  const started = spawnSync('bash', [FERRETDB, 'start', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lastLine = started.stdout.trimEnd().split('\n').at(-1) ?? '';
  if (started.status === CANNOT) return lastLine;
  const uri = /^MONGODB_URI=(.+)$/.exec(lastLine)?.[1];
  if (started.status !== 0 || uri === undefined) throw new Error(`FerretDB did not start: ${started.status}`);
  return {
    uri,
    env: { CHATSESSIONS_FERRETDB: '1' },
    stop: async () => {
      spawnSync('bash', [FERRETDB, 'stop', folder], { stdio: 'ignore' });
    },
  };
}

function runTests({ uri, env }: RealServer, filters: readonly string[]): Promise<number> {
  process.stdout.write(`testing on ${uri}\n`);
  const child = spawn(process.execPath, [repoFile('packages/test-harness/dist/src/run.js'), ...filters], {
    env: { ...process.env, ...env, MONGODB_URI: uri },
    stdio: 'inherit',
  });
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}
