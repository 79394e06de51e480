import { connectionsOf } from './connections.js';
import type { GrpcLoad } from './grpc.js';
import type { OwnGrpcJob } from './own-grpc-process.js';
import { loadWorker } from './worker.js';

/** A grpc-js client in one other process, for machines without ghz. */
export function ownGrpcLoad(): GrpcLoad {
  const worker = loadWorker<OwnGrpcJob>('load/own-grpc-process.js');
  return {
    name: 'own generator (grpc-js, 1 process)',
    run: (target, path, requests, options) =>
      worker.run({
        target,
        path,
        requests: requests.map(({ bytes }) => bytes),
        callers: options.callers,
        connections: connectionsOf(options),
        ms: options.ms,
      }),
    close: () => worker.close(),
  };
}
