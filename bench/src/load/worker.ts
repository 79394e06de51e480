import { once } from 'node:events';
import { type Child, startChild } from '../servers/child.js';
import type { LoadResult } from './load.js';

/** A process that puts load on something, one job after the other. */
export interface LoadWorker<Job> {
  run(job: Job): Promise<LoadResult>;
  close(): Promise<void>;
}

/** What the worker says when it is there. */
const READY = 'ready';

/**
 * A worker that is started with its first job, and then stays: code that has run for a while is quicker. Between two
 * jobs it does not keep this process alive.
 *
 * @param file its program, which calls `serveJobs`; from the compiled bench/
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

/** The worker's side: does each job that comes, and ends with the process that started it. */
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
