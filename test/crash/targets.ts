import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SeededRandom } from '@chatsessions/test-harness';
import { tempDir } from '@chatsessions/test-harness';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, type ServiceProcess, startService } from '../harness/service-process.js';

const run = promisify(execFile);
const SEED_FILE = repoFile('test/cases/open-session.seed.yaml');
const FERRETDB = repoFile('test/server/ferretdb.sh');
const CANNOT_HAVE_IT = 75;
const MAX_SAID = 4_000;

/** A service and its database, to be crashed. */
export interface Target {
  /** Base address of the public path. */
  readonly url: string;
  /** The database, for the driver. */
  readonly databaseUri: string;
  /** What the service, and the server if it is another process, have to say, for whoever looks into a failure. */
  said(): Promise<string>;
  /** kill -9 of all that stores. */
  kill9(): Promise<void>;
  /** Brings up again what `kill9` ended. */
  restart(): Promise<void>;
  /** Starts the service anew, and leaves its database alone where that is another process. */
  replaceService(): Promise<void>;
  close(): Promise<void>;
}

/** This machine cannot have the server; the message says why. */
export class NoSuchServerError extends Error {}

/** The service on its embedded server: one process is both. */
export async function embeddedTarget(): Promise<Target> {
  const dataDir = await tempDir();
  const start = () => startService({ DATA_DIR: dataDir, SEED_FILE });
  let service = await start();
  let url = await httpUrlOf(service);
  const kill9 = async () => {
    service.child.kill('SIGKILL');
    await service.exited;
  };
  const restart = async () => {
    service = await start();
    url = await httpUrlOf(service);
  };
  return {
    get url() {
      return url;
    },
    databaseUri: `mongodb://${encodeURIComponent(join(dataDir, 'embedded/mongodb.sock'))}/?directConnection=true`,
    said: async () => service.stderr().slice(-MAX_SAID),
    kill9,
    restart,
    async replaceService() {
      await kill9();
      await restart();
    },
    close: () => ended(service),
  };
}

/**
 * The service on FerretDB and PostgreSQL. Those two are killed together; in one crash of four the service goes with
 * them, in the others it stays and has to find them again.
 *
 * @throws NoSuchServerError
 */
export async function ferretdbTarget(random: SeededRandom): Promise<Target> {
  const state = join(await tempDir(), 'state');
  const databaseUri = await ferretdb('start', state);
  // Before its folder goes, which names its processes.
  const killAtExit = () => void spawnSync(FERRETDB, ['kill9', state]);
  process.prependOnceListener('exit', killAtExit);
  const start = () => startService({ MONGODB_URI: databaseUri, SEED_FILE, DATA_DIR: join(state, 'service') });
  let service: ServiceProcess;
  let url: string;
  try {
    service = await start();
    url = await httpUrlOf(service);
  } catch (error) {
    killAtExit();
    throw error;
  }
  let isServiceUp = true;
  return {
    get url() {
      return url;
    },
    databaseUri,
    async said() {
      const logs = await Promise.all(
        ['postgres.log', 'ferretdb.log'].map((name) => readFile(join(state, name), 'utf8')),
      );
      return [service.stderr(), ...logs].map((log) => log.slice(-MAX_SAID)).join('\n');
    },
    async kill9() {
      if (random.chance(0.25)) {
        service.child.kill('SIGKILL');
        isServiceUp = false;
      }
      await ferretdb('kill9', state);
      if (!isServiceUp) await service.exited;
    },
    async restart() {
      await ferretdb('restart', state);
      if (isServiceUp) return;
      service = await start();
      url = await httpUrlOf(service);
      isServiceUp = true;
    },
    async replaceService() {
      service.child.kill('SIGKILL');
      await service.exited;
      service = await start();
      url = await httpUrlOf(service);
    },
    async close() {
      try {
        await ended(service);
      } finally {
        killAtExit();
        process.off('exit', killAtExit);
      }
    },
  };
}

async function ended(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGTERM');
  const code = await service.exited;
  if (code !== 0) throw new Error(`the service ended with ${code}:\n${service.stderr()}`);
}

/** Runs the script. Answers the URI that it printed, if any. */
async function ferretdb(command: 'start' | 'kill9' | 'restart', state: string): Promise<string> {
  try {
    const { stdout } = await run(FERRETDB, [command, state]);
    return /^MONGODB_URI=(.*)$/m.exec(stdout)?.[1] ?? '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === CANNOT_HAVE_IT && 'stdout' in error) {
      throw new NoSuchServerError(String(error.stdout).trim().replace('skipped: ', ''));
    }
    throw error;
  }
}
