import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  ChatSessionsClient,
  type OpenSessionResponse,
  type VerifySessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { openRequest } from '../harness/requests.js';
import type { Target } from './attack.js';
import { SESSIONS_PATH } from './http.js';
import { createTally, type Tally } from './tally.js';

/** How one port treated a visitor. */
export interface Treated {
  readonly calls: number;
  /** Refused at once: 503, 429, or the gRPC codes for the same. */
  readonly refused: number;
  /** Refused otherwise, broken off, or without an answer in time. */
  readonly failed: number;
}

/** How visitors were treated. */
export interface Visits {
  readonly http: Treated;
  readonly grpc: Treated;
  /** The 99th percentile of the good answers' latencies, in ms; NaN when there were none. */
  readonly p99: number;
  /** What went wrong, by what it was. */
  readonly reasons: Tally;
}

/** Visitors that go on until they are stopped. */
export interface Visitors {
  /** Starts no more calls, and waits for those under way. */
  readonly stop: () => Promise<Visits>;
}

/** How often a session is opened over HTTP, and called over gRPC, in ms. */
const HTTP_EVERY_MS = 50;
const GRPC_EVERY_MS = 100;
/** How long a visitor waits for an answer, in ms. */
const PATIENCE_MS = 5_000;

/** An answer that refuses the call at once, as a service does that sheds load. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/**
 * Calls the service at a steady pace, whether it keeps up or not: opens over HTTP, each over a connection of its own as
 * visitors come, and over gRPC opens and checks of a token in turn.
 */
export async function startVisitors(target: Target): Promise<Visitors> {
  const latencies: number[] = [];
  const reasons = createTally();
  const underWay = new Set<Promise<void>>();
  const ports = {
    http: { calls: 0, refused: 0, failed: 0 },
    grpc: { calls: 0, refused: 0, failed: 0 },
  };
  const client = engineClient(target);
  let token = '';

  const call = (port: 'http' | 'grpc', work: () => Promise<unknown>) => {
    const began = performance.now();
    ports[port].calls++;
    const done = work().then(
      () => {
        latencies.push(performance.now() - began);
      },
      (error: unknown) => {
        ports[port][error instanceof RefusedError ? 'refused' : 'failed']++;
        reasons.add(`${port} ${error instanceof Error ? error.message : error}`);
      },
    );
    underWay.add(done);
    void done.then(() => underWay.delete(done));
  };

  const http = setInterval(() => call('http', () => openOverHttp(target)), HTTP_EVERY_MS);
  const grpc = setInterval(() => {
    call('grpc', async () => {
      if (token !== '' && ports.grpc.calls % 2 === 0) await client.verify(token);
      else token = (await client.open(target.publicKey)).sessionToken;
    });
  }, GRPC_EVERY_MS);

  return {
    async stop() {
      clearInterval(http);
      clearInterval(grpc);
      await Promise.all(underWay);
      client.close();
      return { ...ports, p99: p99Of(latencies), reasons };
    },
  };
}

/** Opens a session over each port, by connections that are made for it. @throws Error when one of them fails */
export async function visitOnce(target: Target): Promise<void> {
  const client = engineClient(target);
  try {
    await openOverHttp(target);
    await client.open(target.publicKey);
  } finally {
    client.close();
  }
}

/** The 99th percentile, by nearest rank; NaN of nothing. */
function p99Of(latencies: readonly number[]): number {
  const sorted = Float64Array.from(latencies).sort();
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
}

function openOverHttp({ http, publicKey }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...http,
        method: 'POST',
        path: SESSIONS_PATH,
        agent: false,
        headers: { 'Content-Type': 'application/json' },
        // Of the whole call; `timeout` would be of the socket's silence.
        signal: AbortSignal.timeout(PATIENCE_MS),
      },
      (response) => {
        text(response).then(() => {
          const { statusCode = 0 } = response;
          if (statusCode === 200) resolve();
          else if (statusCode === 503 || statusCode === 429) reject(new RefusedError(String(statusCode)));
          else reject(new Error(`answered ${statusCode}`));
        }, reject);
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(error.name === 'AbortError' ? 'no answer' : (error.code ?? error.message))),
    );
    sent.end(JSON.stringify({ publicKey }));
  });
}

function engineClient({ grpc, engineToken }: Target) {
  const client = new ChatSessionsClient(`${grpc.host}:${grpc.port}`, credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    // Each has a connection of its own, as those of different processes do.
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = () => {
    const fields = new Metadata();
    if (engineToken !== undefined) fields.set('authorization', `Bearer ${engineToken}`);
    return fields;
  };
  const options = () => ({ deadline: Date.now() + PATIENCE_MS });
  return {
    open: (publicKey: string) =>
      answered<OpenSessionResponse>((callback) => {
        const wanted = openRequest({ publicKey });
        client.openSession(wanted, metadata(), options(), callback);
      }),
    verify: (token: string) =>
      answered<VerifySessionResponse>((callback) => {
        client.verifySession({ token, intentName: '' }, metadata(), options(), callback);
      }),
    close: () => client.close(),
  };
}

function answered<T>(
  call: (callback: (error: ServiceError | null, response: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error === null) return resolve(response);
      const isRefused = error.code === status.UNAVAILABLE || error.code === status.RESOURCE_EXHAUSTED;
      reject(new (isRefused ? RefusedError : Error)(status[error.code]));
    });
  });
}
