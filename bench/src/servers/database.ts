import { randomBytes } from 'node:crypto';
import { tempDir } from '@chatsessions/test-harness';
import { MongoClient } from 'mongodb';
import { startChild } from './child.js';

/** A database that contenders share. */
export interface SharedDatabase {
  /** `embedded`, or `MONGODB_URI`: what a URI says is nobody's business. */
  readonly kind: 'embedded' | 'MONGODB_URI';
  readonly uri: string;
  /** The names of databases on it: one for the servers, and one for the database alone. */
  readonly names: { readonly servers: string; readonly alone: string };
  /** Drops what was written, and stops what was started. */
  close(): Promise<void>;
}

/** The embedded server, in a process of its own and a folder that goes with this process. */
export async function embeddedDatabase(): Promise<SharedDatabase> {
  const { message, stop } = await startChild('servers/embedded-server.js', { DATA_DIR: await tempDir() });
  return { kind: 'embedded', uri: String(message), names: newNames(), close: stop };
}

/** A server that is there already. */
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
