import { Agent } from 'node:http';
import { withTimeout } from '@chatsessions/test-harness';
import { credentials, Metadata } from '@grpc/grpc-js';
import { ChatSessionsClient } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { openRequest } from '../harness/requests.js';
import type { Target } from '../parity/transports.js';
import { KEY, openOnce } from './cluster.js';

/** How sessions are opened: over HTTP on a connection that is kept or on a new one each, or over gRPC. */
export type Way = 'kept' | 'new' | 'gRPC';

/** One open, and what became of it. */
export interface Open {
  readonly way: Way;
  /** The client that sent it: on one connection, unless it is `new`. */
  readonly client: string;
  readonly requestId: string;
  /** When it was sent, in ms of performance.now(). */
  readonly began: number;
  /** Undefined when it failed. */
  readonly conversationId: string | undefined;
  /** Why it failed; `timed out …` when nothing came at all. */
  readonly error: string | undefined;
}

/** Clients that open one session after the other. */
export interface Load {
  /** Those that are over, in the order in which they ended. */
  readonly opens: readonly Open[];
  /** Ends the load. @returns all opens */
  stop(): Promise<readonly Open[]>;
}

/** How long an open may take, in ms: longer than the service lets it. */
const PATIENCE_MS = 8_000;

/** Opens sessions with so many clients of each way, until it is stopped. */
export function startLoad({ httpUrl, grpcTarget }: Target, clients: Readonly<Record<Way, number>>): Load {
  const opens: Open[] = [];
  let isStopping = false;

  async function run(way: Way, client: string, open: (requestId: string) => Promise<string>): Promise<void> {
    for (let n = 0; !isStopping; n++) {
      const requestId = `${client}.${n}`;
      const began = performance.now();
      let conversationId: string | undefined;
      let error: string | undefined;
      try {
        await withTimeout(PATIENCE_MS, async () => {
          conversationId = await open(requestId);
        });
      } catch (thrown) {
        error = String(thrown);
        // A service that is down refuses at once.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      opens.push({ way, client, requestId, began, conversationId, error });
    }
  }

  const running: Promise<void>[] = [];
  const closers: (() => void)[] = [];
  const each = (way: Way, start: (client: string) => void) => {
    for (let n = 0; n < clients[way]; n++) start(`${way}-${n}`);
  };
  each('kept', (client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => agent.destroy());
    running.push(run('kept', client, (requestId) => openOnce(httpUrl, requestId, agent)));
  });
  each('new', (client) => running.push(run('new', client, (requestId) => openOnce(httpUrl, requestId))));
  each('gRPC', (client) => {
    const stub = engineStub(grpcTarget);
    closers.push(() => stub.close());
    running.push(run('gRPC', client, (requestId) => openOverGrpc(stub, requestId)));
  });

  return {
    opens,
    async stop() {
      isStopping = true;
      await Promise.all(running);
      for (const close of closers) close();
      return opens;
    },
  };
}

/** A client with a connection of its own: those of one process share theirs else. */
export function engineStub(grpcTarget: string): ChatSessionsClient {
  return new ChatSessionsClient(grpcTarget, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** Opens a session over gRPC. @returns the conversation id. @throws Error when it is refused */
export function openOverGrpc(stub: ChatSessionsClient, requestId: string): Promise<string> {
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  const request = openRequest({ publicKey: KEY });
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + PATIENCE_MS };
    stub.openSession(request, metadata, options, (error, response) =>
      error ? reject(error) : resolve(response.conversationId),
    );
  });
}
