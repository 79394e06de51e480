/**
 * The program of a worker process: serves both surfaces with the settings that the primary sends. It ends on SIGTERM,
 * and at once when the primary is gone.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createLog } from '../../telemetry/log.js';
import { elapsed } from '../../time/elapsed.js';
import { createClosers } from '../closers.js';
import type { Addresses, Config } from '../config.js';
import { connect, type Prepared } from '../prepare.js';
import { serveSurfaces } from '../serve.js';
import { StartError } from '../start-error.js';
import { type Heartbeat, startHeartbeat } from './heartbeat.js';

/** The settings of a worker: the message that the primary sends when the worker is ready. */
export interface WorkerSettings extends Pick<Prepared, 'callers' | 'signingKeys' | 'databaseUri'> {
  readonly config: Config;
  /** How long a gRPC connection accepts new calls, in ms. */
  readonly maxConnectionAgeMs: number;
  /** The interval of the worker's heartbeats, in ms. */
  readonly heartbeatMs: number;
}

/**
 * The messages of a worker to the primary. `ready` asks for the settings: a message that arrives while modules still
 * load would be lost. Then follow heartbeats, and either the addresses that it listens on or the reason why it cannot.
 */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | Heartbeat
  | { readonly kind: 'listening'; readonly addresses: Addresses }
  | { readonly kind: 'refused'; readonly reason: string };

// Ctrl-C sends SIGINT to the whole process group; a worker waits for the SIGTERM of the primary.
process.on('SIGINT', () => {});

sendToPrimary({ kind: 'ready' });
const settings: WorkerSettings = (await once(process, 'message'))[0];
const { config, heartbeatMs } = settings;
startHeartbeat(heartbeatMs);
const log = createLog(config.LOG_LEVEL).child({ worker: process.pid });
const closers = createClosers(log);
const starting = serve();

process.on('SIGTERM', () => {
  starting.then(closers.close).then(disconnectAndExit, () => {});
});

try {
  sendToPrimary({ kind: 'listening', addresses: await starting });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.exitCode = 1;
  sendToPrimary({ kind: 'refused', reason: error.message });
  disconnectAndExit();
}

/** Serves both surfaces. @returns the addresses. @throws StartError */
async function serve(): Promise<Addresses> {
  const { callers, signingKeys, databaseUri, maxConnectionAgeMs } = settings;
  const database = await connect(databaseUri, config.MONGODB_DB);
  closers.add(() => database.close());
  const options = { log, now: Date.now, elapsed, maxConnectionAgeMs };
  const serving = await serveSurfaces(config, { callers, signingKeys, database }, options);
  closers.add(() => serving.close());
  return serving.addresses;
}

function sendToPrimary(message: WorkerMessage): void {
  process.send?.(message);
}

/** Disconnects from the primary, so that it sees an intended exit and not a crash, and then exits. */
function disconnectAndExit(): void {
  process.once('disconnect', () => process.exit());
  cluster.worker?.disconnect();
}
