import type { AutocannonJob } from './autocannon-process.js';
import type { HttpLoad } from './http.js';
import { loadWorker } from './worker.js';

/** `autocannon` in one other process, for machines without wrk. */
export function autocannonLoad(): HttpLoad {
  const worker = loadWorker<AutocannonJob>('load/autocannon-process.js');
  return {
    name: 'autocannon (1 process)',
    run: (url, requests, { connections, ms, status = 200 }) =>
      worker.run({ url, requests, connections, ms, status }),
  };
}
