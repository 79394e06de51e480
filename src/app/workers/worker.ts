/**
 * The process of a worker: serves both surfaces on the database that the primary names. It ends when it is told to
 * (SIGTERM), and at once when the primary is gone.
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

/** What the primary answers a worker that is ready: how to serve. */
export interface WorkerOrder extends Pick<Prepared, 'callers' | 'signingKeys' | 'databaseUri'> {
  readonly config: Config;
  /** How long a gRPC connection takes new calls, in ms. */
  readonly maxConnectionAgeMs: number;
  /** How often it says that its event loop turns, in ms. */
  readonly beatMs: number;
}

/**
 * What a worker tells the primary: that it is ready for its order (what is sent before is lost while modules load), and
 * then where it listens, or in a sentence what is in the way; and from its order on that its event loop turns.
 */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | Heartbeat
  | { readonly kind: 'listening'; readonly addresses: Addresses }
  | { readonly kind: 'refused'; readonly reason: string };

// Ctrl-C reaches every process of a terminal's group: the primary says what is to become of this one.
process.on('SIGINT', () => {});

tell({ kind: 'ready' });
const order: WorkerOrder = (await once(process, 'message'))[0];
const { config, beatMs } = order;
startHeartbeat(beatMs);
const log = createLog(config.LOG_LEVEL).child({ worker: process.pid });
const closers = createClosers(log);
const starting = serve();

process.on('SIGTERM', () => {
  starting.then(closers.close).then(leave, () => {});
});

try {
  tell({ kind: 'listening', addresses: await starting });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.exitCode = 1;
  tell({ kind: 'refused', reason: error.message });
  leave();
}

/** Serves as ordered. @throws StartError */
async function serve(): Promise<Addresses> {
  const { callers, signingKeys, databaseUri, maxConnectionAgeMs } = order;
  const database = await connect(databaseUri, config.MONGODB_DB);
  closers.add(() => database.close());
  const options = { log, now: Date.now, elapsed, maxConnectionAgeMs };
  const serving = await serveSurfaces(config, { callers, signingKeys, database }, options);
  closers.add(() => serving.close());
  return serving.addresses;
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

/** Ends the process, once the primary knows that it does so on purpose. */
function leave(): void {
  process.once('disconnect', () => process.exit());
  cluster.worker?.disconnect();
}
