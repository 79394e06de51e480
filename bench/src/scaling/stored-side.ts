import type { Conversation } from 'chatsessions/conversations/conversation.js';
import { toDocument } from 'chatsessions/mongo/conversation-document.js';
import type { Database } from 'chatsessions/mongo/database.js';
import type { Place } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { addShops } from './curve.js';
import { fill } from './fill.js';
import { type History, storedConversation } from './stored-conversation.js';

/** A service whose database is filled to a given size. */
export interface Side {
  readonly server: ServerProcess;
  /**
   * Fills the database to `count` conversations, or up to a quarter more: opens of earlier rounds stay while they are
   * few.
   *
   * @throws Error when it takes longer than `until`, in ms of performance.now(); what is written stays
   */
  fillTo(count: number, until: number): Promise<void>;
  /** Removes all conversations. */
  empty(): Promise<void>;
  /** Stores more conversations. */
  add(conversations: readonly Conversation[]): Promise<void>;
  /** Counts sessions that a load has opened. */
  opened(count: number): void;
  /** Picks `count` stored conversations of the history at equal distances, and leaves out those that have ended. */
  sample(count: number): Conversation[];
}

/** The share of conversations that there may be beyond `count`. */
const SLACK = 0.25;

/** Makes the side of a service with an empty database. */
export async function startSide(
  place: Place,
  server: ServerProcess,
  history: History,
  print: (line: string) => void,
): Promise<Side> {
  /** Stored conversations of the history. */
  let written = 0;
  /** Other stored conversations. */
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
