import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The configuration of a peer, under the names that the service's own has. Durations are in seconds. */
export interface Settings {
  readonly MONGODB_URI: string;
  readonly MONGODB_DB: string;
  /** The key that session tokens are signed with. */
  readonly SIGNING_KEY: { readonly kid: string; readonly secret: Buffer };
  readonly SESSION_TTL: number;
  readonly RETENTION: number;
}

/** Where a peer listens. */
export interface Addresses {
  /** Base URL, such as `http://127.0.0.1:34567`. */
  readonly http?: string;
  /** `host:port` */
  readonly grpc?: string;
}

/** How long in-flight calls may take after SIGTERM, in ms. */
const GRACE_MS = 1_000;

/** Reads the environment; durations are the service's defaults. @throws Error when a variable is missing */
export function readSettings(): Settings {
  const { MONGODB_URI, MONGODB_DB, SESSION_SIGNING_KEYS: key } = process.env;
  if (!MONGODB_URI || !MONGODB_DB || !key) {
    throw new Error('MONGODB_URI, MONGODB_DB and SESSION_SIGNING_KEYS are required');
  }
  const [kid = '', secret = ''] = key.split(':');
  return {
    MONGODB_URI,
    MONGODB_DB,
    SIGNING_KEY: { kid, secret: Buffer.from(secret, 'base64') },
    SESSION_TTL: 3_600,
    RETENTION: 90 * 86_400,
  };
}

/**
 * Sends the addresses to the parent process, or prints them when there is none. From then on the process ends on
 * SIGTERM and when its parent is gone.
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

/**
 * Has an HTTP server listen on a free port of this machine, and announces it. At the end its connections are closed, and
 * then `closeRest` is called.
 */
export function announceHttp(server: Server, closeRest: () => Promise<unknown> = async () => {}): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    announce({ http: `http://127.0.0.1:${port}` }, async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await closeRest();
    });
  });
}
