import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve as resolvePath } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FolderError, type FolderFault, openFolder } from './data-folder.js';
import { HeldError, type Lock, takeLock } from './folder-lock.js';
import { clientSocket } from './socket-path.js';
import type { WorkerInput, WorkerMessage } from './worker.js';

/** How the embedded server is started. */
export interface EmbeddedOptions {
  /** The folder that the server makes its own folder in, named `embedded`. */
  readonly dataDir: string;
  /** Milliseconds between two sweeps of expired documents: 60,000 unless set. */
  readonly ttlSweepMs?: number;
  /** Milliseconds after which a message that stopped half way closes its connection: 30,000 unless set. */
  readonly stallMs?: number;
  /** Milliseconds after which an idle cursor is dropped: 600,000 unless set. */
  readonly cursorTimeoutMs?: number;
  /** Milliseconds that `close` may take before the thread is terminated: 10,000 unless set. */
  readonly closeMs?: number;
  /** Milliseconds to watch a holder on another machine for a sign of life: 10,000 unless set. */
  readonly watchMs?: number;
}

/** A running embedded server. */
export interface EmbeddedServer {
  /** The connection string for the `mongodb` driver. */
  readonly uri: string;
  readonly socketPath: string;
  /** Answers the commands in flight, writes everything to disk and releases the folder. Never hangs. */
  close(): Promise<void>;
  /** Resolves with the cause when the server ends by itself; never after `close`. */
  readonly failed: Promise<Error>;
}

/** The embedded server did not start. The message is one sentence for the operator. */
export class EmbeddedStartError extends Error {
  readonly code: 'held' | FolderFault | 'not_writable' | 'path_too_long' | 'failed';

  constructor(code: EmbeddedStartError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedStartError';
    this.code = code;
  }
}

const HEARTBEAT_MS = 2000;
/** V8's young generation in the thread, in MiB. Nearly all objects there die young: half of the default costs nothing. */
const YOUNG_GENERATION_MIB = 24;

/** Starts the embedded server on a folder. Throws `EmbeddedStartError`. */
export async function startEmbeddedMongo(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const folder = join(resolvePath(options.dataDir), 'embedded');
  prepare(folder);
  const lock = await lockFolder(folder, options.watchMs ?? 10_000);
  try {
    // Under the lock, so that a second starter never sees a half-made folder.
    const opened = explained(() => openFolder(folder));
    const server = await startWorker(folder, lock, options);
    try {
      explained(opened.complete);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Runs `body`; a fault of the folder becomes an EmbeddedStartError. */
function explained<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof FolderError) {
      throw new EmbeddedStartError(error.fault, error.message, { cause: error });
    }
    throw error;
  }
}

function prepare(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const probe = join(folder, `probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new EmbeddedStartError(
      'not_writable',
      `The data folder ${folder} cannot be written: ${reason(error)}.`,
      {
        cause: error,
      },
    );
  }
}

async function lockFolder(folder: string, watchMs: number): Promise<Lock> {
  try {
    return await takeLock(folder, watchMs);
  } catch (error) {
    if (error instanceof HeldError) {
      throw new EmbeddedStartError('held', `The data folder ${folder} is ${error.message}.`, {
        cause: error,
      });
    }
    throw new EmbeddedStartError('failed', `The data folder ${folder} cannot be locked: ${reason(error)}.`, {
      cause: error,
    });
  }
}

async function startWorker(folder: string, lock: Lock, options: EmbeddedOptions): Promise<EmbeddedServer> {
  const socket = socketFor(folder);
  const input: WorkerInput = {
    file: join(folder, 'data.mdb'),
    socketPath: socket.path,
    lockFile: lock.file,
    heartbeatMs: HEARTBEAT_MS,
    ttlSweepMs: options.ttlSweepMs ?? 60_000,
    stallMs: options.stallMs ?? 30_000,
    cursorTimeoutMs: options.cursorTimeoutMs ?? 600_000,
  };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: input,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
  });
  let isClosing = false;
  let cause: Error | undefined;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('error', (error) => {
    cause = error instanceof Error ? error : new Error(String(error));
  });
  const failed = new Promise<Error>((resolve) => {
    void exited.then(async () => {
      if (isClosing) return;
      socket.remove();
      await lock.release();
      resolve(cause ?? new Error('the embedded server ended by itself'));
    });
  });

  const started = await new Promise<WorkerMessage>((resolve) => {
    worker.once('message', resolve);
    void exited.then(() => resolve({ kind: 'failed', message: cause?.message ?? 'its thread ended' }));
  });
  if (started.kind === 'failed') {
    isClosing = true;
    await exited;
    socket.remove();
    throw new EmbeddedStartError(
      'failed',
      `The embedded server did not start in ${folder}: ${started.message}.`,
    );
  }

  const close = async () => {
    isClosing = true;
    const deadline = setTimeout(() => void worker.terminate(), options.closeMs ?? 10_000);
    worker.postMessage('close');
    await exited;
    clearTimeout(deadline);
    socket.remove();
    await lock.release();
  };
  let closing: Promise<void> | undefined;
  return {
    uri: `mongodb://${encodeURIComponent(socket.path)}/?directConnection=true`,
    socketPath: socket.path,
    failed,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function socketFor(folder: string): ReturnType<typeof clientSocket> {
  try {
    const socket = clientSocket(folder);
    // A killed process left it. Nobody listens there, since this process has the lock.
    if (existsSync(socket.path)) socket.remove();
    return socket;
  } catch (error) {
    throw new EmbeddedStartError(
      'path_too_long',
      `The data folder ${folder} is too deep: ${reason(error)}.`,
      {
        cause: error,
      },
    );
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
