/** The process of own-http.ts. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerReader } from './http-answers.js';
import { type LoadResult, toLoadResult } from './load.js';
import { serveJobs } from './worker.js';

/** Load on an HTTP server. */
export interface OwnHttpJob {
  readonly host: string;
  readonly port: number;
  /** As they are sent, in turn. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  readonly ms: number;
  /** The status that is expected. */
  readonly status: number;
}

/** How long answers may take once the time is over, in ms. */
const LAST_ANSWERS_MS = 10_000;
/** How long to wait after a connection that broke, in ms. */
const RECONNECT_MS = 10;

serveJobs(load);

async function load({ host, port, requests, connections, ms, status }: OwnHttpJob): Promise<LoadResult> {
  const latencies: number[] = [];
  let answers = 0;
  let unexpected = 0;
  let turn = 0;
  const began = performance.now();
  const until = began + ms;
  const sockets = new Set<Socket>();
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, ms + LAST_ANSWERS_MS);

  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        if (await useConnection()) continue;
        unexpected++;
        await sleep(RECONNECT_MS);
      }
    }),
  );
  clearTimeout(cut);
  return toLoadResult({ answers, unexpected, latencies, ms: performance.now() - began });

  /** Sends requests over one connection. @returns whether each was answered */
  function useConnection(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, noDelay: true });
      sockets.add(socket);
      let sentAt = 0;
      let isWaiting = true;
      const send = () => {
        const request = requests[turn++ % requests.length];
        if (!request) return;
        isWaiting = true;
        sentAt = performance.now();
        socket.write(request);
      };
      socket.once('connect', send);
      socket.on(
        'data',
        answerReader((answered, isLast) => {
          const now = performance.now();
          latencies.push(now - sentAt);
          isWaiting = false;
          if (answered === status) answers++;
          else unexpected++;
          if (isLast || now >= until) socket.destroy();
          else send();
        }),
      );
      socket.on('error', () => {});
      socket.once('close', () => {
        sockets.delete(socket);
        resolve(!isWaiting);
      });
    });
  }
}
