import { once } from 'node:events';
import { type Child, startChild } from '../servers/child.js';
import type { LoadResult } from './load.js';

/** A process that runs load jobs, one after the other. */
export interface LoadWorker<Job> {
  run(job: Job): Promise<LoadResult>;
  close(): Promise<void>;
}

/** The worker's first message. */
const READY = 'ready';

/**
 * Makes a worker that starts with its first job and stays, since warm code is faster. Between jobs it does not keep
 * this process alive.
 *
 * @param file its program, which calls `serveJobs`; relative to bench/dist/src
 */
export function loadWorker<Job>(file: string, env?: Readonly<Record<string, string>>): LoadWorker<Job> {
  let starting: Promise<Child> | undefined;
  return {
    async run(job) {
      starting ??= startChild(file, env);
      const { process: worker } = await starting;
      worker.ref();
      worker.channel?.ref();
      try {
        const answered = once(worker, 'message');
        const ended = once(worker, 'exit');
        worker.send({ job });
        const outcome = await Promise.race([answered, ended.then(() => undefined)]);
        const [{ result, error }] = outcome ?? [{ error: 'it ended' }];
        if (result === undefined) throw new Error(`bench/${file}: ${error}`);
        return result;
      } finally {
        worker.unref();
        worker.channel?.unref();
      }
    },
    async close() {
      await (await starting)?.stop();
      starting = undefined;
    },
  };
}

/** Runs jobs in the worker process, until the process that started it ends. */
export function serveJobs<Job>(run: (job: Job) => Promise<LoadResult>): void {
  process.once('disconnect', () => process.exit());
  process.on('message', async ({ job }: { job: Job }) => {
    try {
      process.send?.({ result: await run(job) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.send?.(READY);
}
