import { readFileSync } from 'node:fs';
import { startProgram, tempDir } from '@chatsessions/test-harness';
import { repoFile } from '../repo-file.js';
import { startChild } from './child.js';

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** Base URL, such as `http://127.0.0.1:34567`. */
  readonly http?: string;
  /** `host:port`. */
  readonly grpc?: string;
  /** CPU time so far, in ms (Linux only, in steps of 10; NaN elsewhere). */
  cpuMs(): number;
  /** Private memory in MiB: RssAnon, without the pages of data files (Linux only; NaN elsewhere). */
  memoryMiB(): number;
  /** Ends it by SIGTERM, and waits for its exit. */
  stop(): Promise<void>;
}

/** How the service is started. */
export interface OwnOptions {
  /** A MongoDB URI; the embedded server unless set. */
  readonly databaseUri?: string;
  readonly databaseName?: string;
  /** Configuration on top; `SEED_FILE` is the demo tenant unless set. */
  readonly env?: Readonly<Record<string, string>>;
  /** A data folder that an earlier service has filled: a new one unless set. */
  readonly dataDir?: string;
}

/** Starts the service, with the demo tenant, on free ports. @throws Error with its output when it does not start */
export async function startOurs(options: OwnOptions = {}): Promise<ServerProcess> {
  const { databaseUri, databaseName, dataDir, env = {} } = options;
  const service = startProgram([repoFile('dist/src/main.js')], {
    cwd: await tempDir(),
    env: {
      PATH: process.env['PATH'],
      HTTP_ADDR: '127.0.0.1:0',
      GRPC_ADDR: '127.0.0.1:0',
      SEED_FILE: repoFile('src/app/demo-tenant.yaml'),
      ...(databaseUri !== undefined && { MONGODB_URI: databaseUri }),
      ...(databaseName !== undefined && { MONGODB_DB: databaseName }),
      ...(dataDir !== undefined && { DATA_DIR: dataDir }),
      ...env,
    },
  });
  const [, http = '', grpc = ''] = await service.printed(/HTTP and Connect {2}(\S+)\n.*gRPC {2,}(\S+)\n/);
  const pid = service.child.pid ?? 0;
  let isStopping = false;
  void service.exited.then((end) => {
    if (isStopping) return;
    process.stderr.write(
      `bench: the service ended with ${end} while it was measured:\n${service.stderr()}\n`,
    );
  });
  return {
    ...usageOf(pid),
    pid,
    http,
    grpc,
    async stop() {
      isStopping = true;
      service.child.kill('SIGTERM');
      await service.exited;
    },
  };
}

/**
 * Starts a peer or a ceiling. It listens on free ports, sends `{http?, grpc?}` over IPC, and ends on SIGTERM.
 *
 * @param file such as `peers/fastify.js`, relative to bench/dist/src/
 * @throws Error when it does not start
 */
export async function startPeer(
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const { pid, message, stop } = await startChild(file, env);
  return { ...usageOf(pid), pid, ...addressesOf(file, message), stop };
}

/** Reads the addresses in a peer's first message. */
export function addressesOf(file: string, message: unknown): { http?: string; grpc?: string } {
  if (typeof message !== 'object' || message === null) throw new Error(`bench/${file} sent no address`);
  const addresses: Record<string, unknown> = { ...message };
  const { http, grpc } = addresses;
  return { ...(typeof http === 'string' && { http }), ...(typeof grpc === 'string' && { grpc }) };
}

/** Reads the CPU time and memory of a process. */
function usageOf(pid: number): Pick<ServerProcess, 'cpuMs' | 'memoryMiB'> {
  return {
    // proc_pid_stat(5): utime and stime, in ticks of 10 ms.
    cpuMs() {
      const fields = procFile(pid, 'stat')
        .replace(/^.*\) /, '')
        .split(' ');
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    memoryMiB() {
      const [, kib] = /RssAnon:\s*(\d+)/.exec(procFile(pid, 'status')) ?? [];
      return Number(kib) / 1_024;
    },
  };
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
