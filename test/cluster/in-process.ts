import cluster, { type Worker } from 'node:cluster';
import { formatAddress, readConfig } from '../../src/app/config.js';
import type { Serving } from '../../src/app/serve.js';
import { startWorkers } from '../../src/app/workers/workers.js';
import { createLog } from '../../src/telemetry/log.js';
import { TEST_SECRET, type TestApp } from '../harness/app.js';
import type { Target } from '../parity/transports.js';
import { type Log, readLog } from './log.js';

/** Two workers whose primary is the process of the test. */
export interface WorkersHere extends Target, Log, Serving {
  /** The processes that are there now. */
  readonly pids: () => readonly number[];
}

/** Starts two workers on the database of `service`; `execArgv` is for node. */
export async function startWorkersHere(
  service: TestApp,
  {
    execArgv = [],
    ...options
  }: { maxConnectionAgeMs?: number; hungAfterMs?: number; execArgv?: readonly string[] },
): Promise<WorkersHere> {
  let text = '';
  const write = (chunk: string) => {
    text += chunk;
  };
  const collect = (worker: Worker) => worker.process.stderr?.on('data', write);
  cluster.on('fork', collect);
  // The first call settles the policy: what startWorkers sets would come too late.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ silent: true, execArgv: [...process.execArgv, ...execArgv], inspectPort: 0 });

  const config = readConfig({
    WORKERS: '2',
    HTTP_ADDR: '127.0.0.1:0',
    GRPC_ADDR: '127.0.0.1:0',
    MONGODB_DB: await service.withDatabase(async (_client, name) => name),
    LOG_LEVEL: 'debug',
  });
  const log = createLog('debug', { write });
  const prepared = {
    callers: [],
    signingKeys: [{ kid: 'test', secret: TEST_SECRET }],
    databaseUri: service.app.databaseUri,
  } as const;
  const workers = await startWorkers({ config, prepared, log, ...options });
  return {
    ...workers,
    ...readLog(() => text),
    httpUrl: `http://${formatAddress(workers.addresses.http)}`,
    grpcTarget: formatAddress(workers.addresses.grpc),
    pids: () => Object.values(cluster.workers ?? {}).flatMap((worker) => worker?.process.pid ?? []),
    async close() {
      await workers.close();
      cluster.off('fork', collect);
    },
  };
}
