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
  readonly socketPath: string;
  kill9(): Promise<void>;
  /** Ends it as the service does. Throws when it did not end well. */
  close(): Promise<void>;
}

/** Starts an embedded server on a folder, with `env` on top of this process's. */
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
    },
  );
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return signal ?? code;
  });
  const socketPath = await Promise.race([
    once(child, 'message').then(([path]) => String(path)),
    ended.then((end) => Promise.reject(new Error(`the server did not start: ${end}`))),
  ]);
  return {
    pid: child.pid ?? 0,
    socketPath,
    async kill9() {
      child.kill('SIGKILL');
      await ended;
    },
    async close() {
      child.send('close');
      const end = await ended;
      if (end !== 0) throw new Error(`the server ended with ${end}`);
    },
  };
}
