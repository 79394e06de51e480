import { randomBytes } from 'node:crypto';
import { tempDir } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import { startChild } from './child.js';

/** A database that contenders share. */
export interface SharedDatabase {
  /** `embedded`, or `MONGODB_URI` in place of the URI, which may hold a password. */
  readonly kind: 'embedded' | 'MONGODB_URI';
  readonly uri: string;
  /** Names of two databases: for the servers, and for the ceiling "the database alone". */
  readonly names: { readonly servers: string; readonly alone: string };
  /** Drops the databases, or stops the embedded server. */
  close(): Promise<void>;
}

/** Starts the embedded server in a process of its own, in a temporary folder. */
export async function embeddedDatabase(): Promise<SharedDatabase> {
  const { message, stop } = await startChild('servers/embedded-server.js', { DATA_DIR: await tempDir() });
  return { kind: 'embedded', uri: String(message), names: newNames(), close: stop };
}

/** Uses the server at a URI. */
export function serverAt(uri: string): SharedDatabase {
  const names = newNames();
  return {
    kind: 'MONGODB_URI',
    uri,
    names,
    async close() {
      const client = new MongoClient(uri);
      for (const name of Object.values(names)) await client.db(name).dropDatabase();
      await client.close();
    },
  };
}

function newNames(): SharedDatabase['names'] {
  const base = `bench_${randomBytes(6).toString('hex')}`;
  return { servers: base, alone: `${base}_alone` };
}
