import { Metadata } from '@grpc/grpc-js';
import type {
  ChatSessionsClient,
  OpenSessionResponse,
} from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { openRequest, refreshRequest, updateRequest } from '../requests/defaults.js';
import { DEMO_KEY, DEMO_TENANT } from '../requests/demo.js';
import { answered } from '../requests/engine-client.js';

/** Running writers. */
export interface Writers {
  /** Stops after the writes in flight. @returns the log: conversation and revision of each acknowledged write */
  readonly stop: () => Promise<ReadonlySet<string>>;
  /** The number of failed writes; each is printed. */
  readonly failures: () => number;
}

/** How many conversations each writer has open at once. */
const OPEN = 20;
/** How often a conversation is changed before it is ended. */
const CHANGES = 8;

/** A conversation that only its writer changes, so that its revisions are known. */
interface Written {
  readonly session: OpenSessionResponse;
  revision: number;
}

/** Starts `width` writers. Each opens, refreshes, updates and ends conversations, one write at a time. */
export function startWriters(client: ChatSessionsClient, width: number): Writers {
  const log = new Set<string>();
  let failures = 0;
  let isOver = false;
  const all = Array.from({ length: width }, (_, n) => run(n));
  return {
    async stop() {
      isOver = true;
      await Promise.all(all);
      return log;
    },
    failures: () => failures,
  };

  async function run(writer: number): Promise<void> {
    const mine: Written[] = [];
    for (let turn = writer; !isOver; turn++) {
      const written = mine[turn % OPEN];
      try {
        if (written === undefined) mine.push(await open(turn));
        else if (written.revision <= CHANGES) await change(written, turn);
        else mine.splice(mine.indexOf(written), 1, ...(await end(written)));
      } catch (error) {
        failures++;
        console.error(error);
        return;
      }
    }
  }

  async function open(turn: number): Promise<Written> {
    const session = await answered<OpenSessionResponse>((callback) =>
      client.openSession(
        openRequest({ publicKey: DEMO_KEY, locale: 'en-GB', variables: { turn } }),
        callback,
      ),
    );
    log.add(`${session.conversationId} 1`);
    return { session, revision: 1 };
  }

  async function change(written: Written, turn: number): Promise<void> {
    const { conversationId, sessionToken } = written.session;
    const variables = { turn };
    if (turn % 2) {
      await answered((callback) =>
        client.updateConversation(
          updateRequest({ tenant: DEMO_TENANT, conversationId, variables }),
          callback,
        ),
      );
    } else {
      const metadata = new Metadata();
      metadata.set('chat-session-token', sessionToken);
      await answered((callback) => client.refreshSession(refreshRequest({ variables }), metadata, callback));
    }
    log.add(`${conversationId} ${++written.revision}`);
  }

  /** Ends a conversation. @returns an empty list: nothing takes its place */
  async function end(written: Written): Promise<Written[]> {
    const { conversationId } = written.session;
    await answered((callback) => client.endConversation({ tenant: DEMO_TENANT, conversationId }, callback));
    log.add(`${conversationId} ${++written.revision}`);
    return [];
  }
}
