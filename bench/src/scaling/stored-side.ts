import type { Conversation } from 'chatsessions/conversations/conversation.js';
import { toDocument } from 'chatsessions/mongo/conversation-document.js';
import type { Database } from 'chatsessions/mongo/database.js';
import type { Place } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { addShops } from './curve.js';
import { fill } from './fill.js';
import { type History, storedConversation } from './stored-conversation.js';

/** A service on a database with so many conversations. */
export interface Side {
  readonly server: ServerProcess;
  /**
   * Sees to it that so many are stored, or up to a quarter more: what is opened in a round stays, as long as it is few.
   *
   * @throws Error when that is not done at `until`, in ms of performance.now(); what is written by then is kept
   */
  fillTo(count: number, until: number): Promise<void>;
  /** Removes all of them. */
  empty(): Promise<void>;
  /** Stores these too. */
  add(conversations: readonly Conversation[]): Promise<void>;
  /** Says that so many were opened. */
  opened(count: number): void;
  /** So many conversations of the history, from all over what is stored of it, less those that have ended. */
  sample(count: number): Conversation[];
}

/** How many more conversations there may be than are asked for, as a share. */
const SLACK = 0.25;

/** The side of a service that has nothing stored yet. */
export async function startSide(
  place: Place,
  server: ServerProcess,
  history: History,
  print: (line: string) => void,
): Promise<Side> {
  /** How many of the history are stored. */
  let written = 0;
  /** How many others are. */
  let others = 0;
  await addShops(place, history.shops);

  const withDatabase = async <T>(work: (database: Database) => Promise<T>): Promise<T> => {
    const database = await place.open();
    return work(database).finally(() => database.close());
  };
  const empty = async () => {
    await withDatabase(({ db }) => db.dropDatabase());
    await addShops(place, history.shops);
    written = 0;
    others = 0;
  };

  return {
    server,
    empty,

    async fillTo(count, until) {
      if (others > count * SLACK) await empty();
      const to = count - others;
      if (written >= to) return;
      const isOver = () => performance.now() > until;
      written = await withDatabase((database) =>
        fill(database, { history, from: written, to, onProgress: print, isOver }),
      );
      if (written < to) throw new Error(`not filled in time: ${written + others} of ${count}`);
    },

    async add(conversations) {
      const rows = conversations.map(toDocument);
      await withDatabase((database) => database.conversations.insertMany(rows, { ordered: false }));
      others += rows.length;
    },

    opened(count) {
      others += count;
    },

    sample(count) {
      const numbers = Array.from({ length: count }, (_, n) => Math.floor((n * written) / count));
      return [...new Set(numbers)]
        .map((number) => storedConversation(number, history))
        .filter(({ endedAt }) => endedAt === undefined);
    },
  };
}
