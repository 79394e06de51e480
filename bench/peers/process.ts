import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, readConfig } from '../../src/app/config.js';

/** What a peer is told, in the environment variables that the service has too. */
export interface Settings extends Pick<Config, 'MONGODB_DB' | 'SESSION_TTL' | 'RETENTION'> {
  readonly MONGODB_URI: string;
  readonly SESSION_SIGNING_KEYS: NonNullable<Config['SESSION_SIGNING_KEYS']>;
}

/** Where a peer listens: what its parent is sent. */
export interface Addresses {
  /** Base address, such as `http://127.0.0.1:34567`. */
  readonly http?: string;
  /** `host:port` */
  readonly grpc?: string;
}

/** How long calls under way may take at the end, in ms. */
const GRACE_MS = 1_000;

/** The settings of this process. @throws ConfigError, or Error when a variable is missing */
export function readSettings(): Settings {
  const { MONGODB_URI, SESSION_SIGNING_KEYS, MONGODB_DB, SESSION_TTL, RETENTION } = readConfig(process.env);
  if (MONGODB_URI === undefined || SESSION_SIGNING_KEYS === undefined) {
    throw new Error('MONGODB_URI and SESSION_SIGNING_KEYS are required');
  }
  return { MONGODB_URI, SESSION_SIGNING_KEYS, MONGODB_DB, SESSION_TTL, RETENTION };
}

/**
 * Tells whoever started the process where it listens: its parent, or a reader of standard output. From then on the
 * process ends on SIGTERM, and when its parent is gone.
 */
export function announce(addresses: Addresses, close: () => Promise<unknown>): void {
  const end = async () => {
    await Promise.race([close(), sleep(GRACE_MS)]);
    process.exit();
  };
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  if (process.send) process.send(addresses);
  else console.log(JSON.stringify(addresses));
}
