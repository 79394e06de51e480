import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program of bench in a process of its own. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Its first message. */
  readonly message: unknown;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Ends it by SIGTERM, and waits for its exit. */
  stop(): Promise<void>;
}

/** Time limits for the first message, and for the exit, in ms. */
const START_MS = 30_000;
const STOP_MS = 10_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program, with `env` on top of this process's environment.
 *
 * @param file such as `peers/fastify.js`, relative to bench/dist/src/
 * @returns after its first message over IPC
 * @throws Error when it exits before, or sends nothing for 30 s
 */
export async function startChild(file: string, env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), {
    env: { ...process.env, ...env },
    execArgv: [],
    serialization: 'advanced',
  });
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]): number | string => {
    running.delete(child);
    return signal ?? code;
  });
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  };

  let timer: NodeJS.Timeout | undefined;
  const first = await Promise.race([
    once(child, 'message').then(([message]) => ({ message })),
    ended.then((end) => `it ended with ${end}`),
    new Promise<string>((resolve) => {
      timer = setTimeout(resolve, START_MS, `it said nothing for ${START_MS / 1_000} s`);
    }),
  ]);
  clearTimeout(timer);
  if (typeof first === 'string') {
    await stop();
    throw new Error(`bench/${file} did not start: ${first}`);
  }
  return { process: child, pid: child.pid ?? 0, message: first.message, ended, stop };
}
