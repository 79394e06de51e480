/** The process of autocannon.ts: runs autocannon, one job after the other. */
import type { EventEmitter } from 'node:events';
import autocannon from 'autocannon';
import type { HttpRequest } from './http.js';
import { type LoadResult, toLoadResult } from './load.js';
import { serveJobs } from './worker.js';

/** Load on an HTTP server. */
export interface AutocannonJob {
  readonly url: string;
  /** Sent in turn. */
  readonly requests: readonly HttpRequest[];
  readonly connections: number;
  readonly ms: number;
  /** The expected status. */
  readonly status: number;
}

/** How often autocannon looks whether its time is over, in ms. */
const LOOK_MS = 10;

serveJobs(load);

/**
 * Counts by itself: autocannon's own latencies are whole milliseconds, and it does not count a request whose
 * connection the server ended before an answer.
 */
async function load({ url, requests, connections, ms, status }: AutocannonJob): Promise<LoadResult> {
  const latencies: number[] = [];
  let answers = 0;
  let sent = 0;
  let closed = 0;
  let turn = 0;
  const began = performance.now();

  await autocannon({
    url,
    connections,
    duration: ms / 1_000,
    sampleInt: LOOK_MS,
    setupClient(client) {
      client.setRequests(inTurn(requests, turn++));
      // Its published types leave out most of its events.
      const events: EventEmitter = client;
      let sentAt = 0;
      events.on('request', () => {
        sent++;
        sentAt = performance.now();
      });
      events.on('headers', ({ headers }: { headers: readonly string[] }) => {
        if (headers.some((text, n) => text === 'close' && /^connection$/i.test(headers[n - 1] ?? '')))
          closed++;
      });
      events.on('response', (answered: number) => {
        latencies.push(performance.now() - sentAt);
        if (answered === status) answers++;
      });
    },
  });

  // One request of each connection is in flight at the end. After an answer that ends its connection, autocannon sends
  // a request that the server never reads, and then connects again.
  const lost = Math.max(0, sent - latencies.length - connections - closed);
  const unexpected = latencies.length - answers + lost;
  return toLoadResult({ answers, unexpected, latencies, ms: performance.now() - began });
}

/** The requests, from a different one on for each connection. */
function inTurn(requests: readonly HttpRequest[], connection: number) {
  const first = connection % requests.length;
  return [...requests.slice(first), ...requests.slice(0, first)].map(({ method, path, headers, body }) => ({
    ...{ path, headers: { ...headers }, body: Buffer.from(body) },
    method: method === 'GET' ? ('GET' as const) : ('POST' as const),
  }));
}
