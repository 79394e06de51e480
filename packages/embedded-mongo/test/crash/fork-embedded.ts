import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** An embedded server in a process of its own. */
export interface EmbeddedProcess {
  readonly pid: number;
  /** Its exit code, or the signal that ended it; undefined while it runs. */
  readonly end: () => unknown;
  readonly socketPath: string;
  kill9(): Promise<void>;
  /** Ends it as the service does. Throws when it did not end well. */
  close(): Promise<void>;
}

/** The server did not start. */
export class NotStartedError extends Error {
  /** The exit code of its process, or the signal that ended it. */
  readonly end: unknown;
  readonly stderr: string;

  constructor(end: unknown, stderr: string) {
    super(`the server did not start: ${end}: ${stderr}`);
    this.end = end;
    this.stderr = stderr;
  }
}

/**
 * Starts an embedded server on a folder, with `env` on top of this process's.
 *
 * @throws NotStartedError
 */
export async function forkEmbedded(
  dataDir: string,
  { env = {}, stallMs = 30_000 }: { readonly env?: Record<string, string>; readonly stallMs?: number } = {},
): Promise<EmbeddedProcess> {
  const child = fork(
    fileURLToPath(new URL('./embedded-process.js', import.meta.url)),
    [dataDir, String(stallMs)],
    {
      env: { ...process.env, ...env },
      execArgv: [],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    },
  );
  running.add(child);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return signal ?? code;
  });
  const socketPath = await Promise.race([
    once(child, 'message').then(([path]) => String(path)),
    ended.then((end) => Promise.reject(new NotStartedError(end, stderr))),
  ]);
  return {
    pid: child.pid ?? 0,
    end: () => child.exitCode ?? child.signalCode ?? undefined,
    socketPath,
    async kill9() {
      child.kill('SIGKILL');
      await ended;
    },
    async close() {
      child.send('close');
      const end = await ended;
      if (end !== 0) throw new Error(`the server ended with ${end}: ${stderr}`);
    },
  };
}
