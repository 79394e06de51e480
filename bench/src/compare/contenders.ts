import type { Contender } from '../figures/rounds.js';
import type { HttpRequest } from '../load/http.js';
import { connectOpen, grpcOpen, OPEN_RPC_PATH, publicOpen } from '../requests/open-request.js';
import type { ServerProcess } from '../servers/server-process.js';
import { refusedId } from './refusal-cost.js';
import { REFUSED } from './refused.js';
import type { Scene } from './scene.js';

/** The groups of contenders, with their titles. */
export const GROUPS = {
  http: 'opens over HTTP',
  grpc: 'opens over gRPC',
  database: 'the database alone',
  single: 'one at a time',
  refused: 'refused by the public path',
} as const;

/** A contender before anything is started for it: one row of the table. */
export interface Entry {
  /** Its name in `--only` and in the JSON. */
  readonly id: string;
  readonly name: string;
  readonly group: keyof typeof GROUPS;
  /** Starts what it needs. */
  readonly open: (scene: Scene) => Promise<Contender>;
}

type Server = (scene: Scene) => Promise<ServerProcess>;

const ours: Server = async (scene) => scene.ours;
const peer =
  (file: string): Server =>
  (scene) =>
    scene.peer(`peers/${file}.js`);

/** All contenders in the order of their turns. Those that a ratio divides follow each other closely. */
export const ENTRIES: readonly Entry[] = [
  http('public-path', 'ours: public path', ours, publicOpen),
  http('fastify', 'Fastify + mongodb', peer('fastify'), publicOpen),
  http('express', 'Express 5 + mongoose', peer('express'), publicOpen),
  http('static-http', 'static node:http', (scene) => scene.staticHttp(), publicOpen),
  http('bare-open', 'the least an open can be', (scene) => scene.bareOpen(), publicOpen),
  http('connect', 'ours: Connect (JSON)', ours, connectOpen),
  http('connect-node', 'connect-node (JSON)', peer('connect-node'), connectOpen),
  grpc('engine', 'ours: gRPC', ours),
  grpc('grpc-js', 'grpc-js + mongodb', peer('grpc-js')),
  grpc('connect-node-grpc', 'connect-node (gRPC)', peer('connect-node')),
  grpc('static-grpc', 'static grpc-js', (scene) => scene.staticGrpc()),
  database('insert-one', 'insertOne', 1),
  // The service, too, has two group writes in flight.
  database('insert-many', 'insertMany of 200, 2 at a time (documents)', 200, 2),
  { ...http('public-path-1', 'ours: public path, 1 connection', ours, publicOpen, 1), group: 'single' },
  { ...database('insert-one-1', 'insertOne, 1 caller', 1, 1), group: 'single' },
  ...REFUSED.map((refused): Entry => {
    const { name, request, status } = refused;
    return { ...http(refusedId(refused), name, ours, request, undefined, status), group: 'refused' };
  }),
];

function http(
  id: string,
  name: string,
  server: Server,
  request: HttpRequest,
  connections?: number,
  status = 200,
): Entry {
  return {
    id,
    name,
    group: 'http',
    async open(scene) {
      const running = await server(scene);
      const options = { connections: connections ?? scene.connections, status };
      const run = (ms: number) => scene.http.run(running.http ?? '', [request], { ...options, ms });
      return { name, server: running, run };
    },
  };
}

function grpc(id: string, name: string, server: Server): Entry {
  return {
    id,
    name,
    group: 'grpc',
    async open(scene) {
      const running = await server(scene);
      const callers = scene.connections;
      const run = (ms: number) =>
        scene.grpc.run(running.grpc ?? '', OPEN_RPC_PATH, [grpcOpen], { callers, ms });
      return { name, server: running, run };
    },
  };
}

function database(id: string, name: string, batch: number, callers?: number): Entry {
  return {
    id,
    name,
    group: 'database',
    open: async (scene) => ({
      name,
      run: (ms) => scene.database.run({ batch, callers: callers ?? scene.connections, ms }),
    }),
  };
}
