import type { HttpLoad } from './http.js';
import type { OwnHttpJob } from './own-http-process.js';
import { rawRequest } from './raw-request.js';
import { loadWorker } from './worker.js';

/** A generator of our own, for machines without wrk: sockets of node:net in one other process. */
export function ownHttpLoad(): HttpLoad {
  const worker = loadWorker<OwnHttpJob>('load/own-http-process.js');
  return {
    name: 'own generator (node:net, 1 process)',
    run: (url, requests, { connections, ms, status = 200 }) => {
      const { hostname: host, port } = new URL(url);
      const raw = requests.map((request) => rawRequest(url, request));
      return worker.run({ host, port: Number(port), requests: raw, connections, ms, status });
    },
  };
}
