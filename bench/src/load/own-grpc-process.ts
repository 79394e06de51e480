/** The process of own-grpc.ts: calls a gRPC server, one job after the other. */
import { Client, credentials } from '@grpc/grpc-js';
import { callRaw } from './call-raw.js';
import { type LoadResult, toLoadResult } from './load.js';
import { serveJobs } from './worker.js';

/** Load on a gRPC server. */
export interface OwnGrpcJob {
  readonly target: string;
  readonly path: string;
  /** Encoded, sent in turn. */
  readonly requests: readonly Uint8Array[];
  readonly callers: number;
  readonly connections: number;
  readonly ms: number;
}

/** The time limit of a call, in ms. */
const ANSWER_MS = 10_000;

serveJobs(load);

async function load({ target, path, requests, callers, connections, ms }: OwnGrpcJob): Promise<LoadResult> {
  // A client with its own pool has its own connection.
  const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_http_proxy': 0 };
  const clients = Array.from(
    { length: connections },
    () => new Client(target, credentials.createInsecure(), options),
  );
  const latencies: number[] = [];
  let answers = 0;
  let unexpected = 0;
  let turn = 0;
  const began = performance.now();
  const until = began + ms;

  const call = async (client: Client) => {
    while (performance.now() < until) {
      const request = requests[turn++ % requests.length] ?? Buffer.alloc(0);
      const sentAt = performance.now();
      await callRaw(client, path, request, ANSWER_MS).then(
        () => answers++,
        () => unexpected++,
      );
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(
    clients.flatMap((client, n) => {
      const width = Math.ceil((callers - n) / connections);
      return Array.from({ length: width }, () => call(client));
    }),
  );
  for (const client of clients) client.close();
  return toLoadResult({ answers, unexpected, latencies, ms: performance.now() - began });
}
