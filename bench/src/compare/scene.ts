import { randomBytes } from 'node:crypto';
import { Client, credentials } from '@grpc/grpc-js';
import type { DatabaseJob } from '../ceilings/database.js';
import { callRaw } from '../load/call-raw.js';
import type { GrpcLoad } from '../load/grpc.js';
import type { HttpLoad } from '../load/http.js';
import { type LoadWorker, loadWorker } from '../load/worker.js';
import { grpcOpen, OPEN_RPC_PATH, publicOpen } from '../requests/open-request.js';
import type { SharedDatabase } from '../servers/database.js';
import { type ServerProcess, startOurs, startPeer } from '../servers/server-process.js';

/** The load generators, and how much load they make. */
export interface Loads {
  readonly http: HttpLoad;
  readonly grpc: GrpcLoad;
  /** Connections over HTTP; callers over gRPC and of the database. */
  readonly connections: number;
}

/** The servers of the contenders, all on one database, and the load for them. */
export interface Scene extends Loads {
  readonly ours: ServerProcess;
  /** Starts a peer on the same database and catalogue; a file is started once. */
  peer(file: string): Promise<ServerProcess>;
  /** node:http and grpc-js with a constant answer, taken from the service once. */
  staticHttp(): Promise<ServerProcess>;
  staticGrpc(): Promise<ServerProcess>;
  /** node:http that only writes a row. */
  bareOpen(): Promise<ServerProcess>;
  /** Writes to another database of the same server. */
  readonly database: LoadWorker<DatabaseJob>;
  close(): Promise<void>;
}

/** Starts the service on a database. The others start on first use. */
export async function openScene({ uri, names }: SharedDatabase, loads: Loads): Promise<Scene> {
  const keys = `bench:${randomBytes(32).toString('base64')}`;
  const env = {
    ...{ MONGODB_URI: uri, MONGODB_DB: names.servers, SESSION_SIGNING_KEYS: keys },
    // Frameworks are fastest in production mode.
    NODE_ENV: 'production',
  };
  const ours = await startOurs({
    databaseUri: uri,
    databaseName: names.servers,
    env: { SESSION_SIGNING_KEYS: keys },
  });
  const database = loadWorker<DatabaseJob>('ceilings/database.js', { ...env, MONGODB_DB: names.alone });
  const others = new Map<string, Promise<ServerProcess>>();
  const once = (file: string, start: () => Promise<ServerProcess>) => {
    const started = others.get(file) ?? start();
    others.set(file, started);
    return started;
  };
  return {
    ...loads,
    ours,
    database,
    peer: (file) => once(file, () => startPeer(file, env)),
    staticHttp() {
      const file = 'ceilings/static-http.js';
      return once(file, async () => startPeer(file, await httpAnswer(ours)));
    },
    bareOpen() {
      const file = 'ceilings/bare-open.js';
      // It writes to the service's own collection, so that both write to indexes of the same size.
      return once(file, async () => startPeer(file, { ...env, ...(await httpAnswer(ours)) }));
    },
    staticGrpc() {
      const file = 'ceilings/static-grpc.js';
      return once(file, async () => startPeer(file, await grpcAnswer(ours)));
    },
    async close() {
      await database.close();
      for (const other of others.values()) await (await other).stop();
      await ours.stop();
    },
  };
}

/** Takes one answer of the public path, as environment variables for static-http.ts. */
async function httpAnswer({ http = '' }: ServerProcess): Promise<Record<string, string>> {
  const { method, path, headers, body } = publicOpen;
  const response = await fetch(http + path, { method, headers, body });
  if (response.status !== 200) throw new Error(`the service answered ${response.status} to an open`);
  const answer = Buffer.from(await response.arrayBuffer());
  // node:http adds the others by itself.
  const ownHeaders = [...response.headers].filter(([name]) => !/^(connection|keep-alive|date)$/.test(name));
  return { ANSWER: answer.toString('base64'), HEADERS: JSON.stringify(Object.fromEntries(ownHeaders)) };
}

/** Takes one answer over gRPC, as environment variables for static-grpc.ts. */
async function grpcAnswer({ grpc = '' }: ServerProcess): Promise<Record<string, string>> {
  const client = new Client(grpc, credentials.createInsecure());
  const answer = await callRaw(client, OPEN_RPC_PATH, grpcOpen.bytes);
  client.close();
  return { RPC_PATH: OPEN_RPC_PATH, ANSWER: answer.toString('base64') };
}
