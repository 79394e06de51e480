import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '@chatsessions/test-harness';
import { closeClient } from '@chatsessions/test-harness';
import { MongoClient, UUID } from 'mongodb';
import { newKey, open, openAtLast, type Session, StuckError, startOpeners } from './openers.js';
import type { Target } from './targets.js';

const OPENERS = 64;
/** Clients that look at what is there after a crash. */
const READERS = 16;

/** How crash rounds are run. */
export interface RoundsOptions {
  readonly rounds: number;
  readonly random: SeededRandom;
  /** The moment of the crash after the openers began, in ms: from 200 up to this. */
  readonly latestMs?: number;
  readonly print?: (line: string) => void;
}

/** What crash rounds have shown. */
export interface RoundsResult {
  readonly rounds: number;
  /** Opens acknowledged, over all rounds. */
  readonly acknowledged: number;
  /** Opens that the crash left without a session: refused as unavailable, or not answered. */
  readonly unknown: number;
  /** Acknowledged, and not there, or not as acknowledged, after the crash. */
  readonly lost: number;
  /** Keys with more than one session, and rows that belong to no key. */
  readonly duplicated: number;
  /** Crashes after which the service refused opens until it was started anew. */
  readonly stuck: number;
  /** From the beginning of the restart to the first session opened, in ms, for each round. */
  readonly openAgainMs: readonly number[];
}

/**
 * Crashes a target at random moments while 64 clients open sessions, starts it again, and looks for what it lost.
 *
 * Looked at after each crash: each acknowledged conversation is stored, with the token id that its client has; each
 * open without an answer, sent again under its key, gets one session, and the same one when it is sent twice; and
 * there are exactly as many rows as keys that were ever answered.
 */
export async function crashRounds(target: Target, options: RoundsOptions): Promise<RoundsResult> {
  try {
    return await allRounds(target, options);
  } catch (error) {
    throw new Error(`a round could not be finished; the servers said:\n${await target.said()}`, {
      cause: error,
    });
  }
}

async function allRounds(target: Target, options: RoundsOptions): Promise<RoundsResult> {
  const { rounds, random, latestMs = 2_000, print } = options;
  let [acknowledged, unknown, lost, duplicated, stuck, known] = [0, 0, 0, 0, 0, 0];
  const openAgainMs: number[] = [];

  for (let round = 1; round <= rounds; round++) {
    const momentMs = 200 + random.below(latestMs - 200);
    const openers = startOpeners(target.url, OPENERS);
    await sleep(momentMs);
    await target.kill9();
    await openers.stop();

    const firstKey = newKey();
    const began = performance.now();
    await target.restart();
    try {
      await openAtLast(target.url, firstKey);
    } catch (error) {
      if (!(error instanceof StuckError)) throw error;
      stuck++;
      print?.(`  the service does not come back: ${error.message}; started anew`);
      await target.replaceService();
      await openAtLast(target.url, firstKey);
    }
    const tookMs = performance.now() - began;
    openAgainMs.push(tookMs);

    const replayed = await replayAll(target.url, openers.unknown);
    const [rows, missing] = await inDatabase(target.databaseUri, async (conversations) => [
      await rowCount(conversations),
      await missingOf(conversations, [...openers.acknowledged.values(), ...replayed.sessions]),
    ]);
    known += openers.acknowledged.size + replayed.sessions.length + 1;
    // A row that is missing among the acknowledged is told as lost, not once more as a wrong number of rows.
    const surplus = Math.max(0, rows - (known - missing));
    known = rows;

    acknowledged += openers.acknowledged.size;
    unknown += openers.unknown.length;
    lost += missing;
    duplicated += surplus + replayed.unlike;
    print?.(
      `  round ${round} of ${rounds}: crashed after ${momentMs} ms; ${openers.acknowledged.size} acknowledged, ` +
        `${openers.unknown.length} without a session, ${missing} lost, ${surplus + replayed.unlike} duplicated; ` +
        `open again after ${Math.round(tookMs)} ms`,
    );
  }
  return { rounds, acknowledged, unknown, lost, duplicated, stuck, openAgainMs };
}

/** Sends each open again, twice. */
async function replayAll(
  url: string,
  keys: readonly string[],
): Promise<{ readonly sessions: readonly Session[]; readonly unlike: number }> {
  const sessions: Session[] = [];
  let unlike = 0;
  const waiting = keys.values();
  const replay = async (): Promise<void> => {
    for (const key of waiting) {
      const first = await openAtLast(url, key);
      const second = await open(url, key);
      sessions.push(first);
      if (second.kind === 'opened' && second.session.sessionToken !== first.sessionToken) unlike++;
    }
  };
  await Promise.all(Array.from({ length: READERS }, replay));
  return { sessions, unlike };
}

type Conversations = ReturnType<typeof conversationsOf>;

function conversationsOf(client: MongoClient) {
  return client.db('chatsessions').collection<{ _id: UUID; session: { jti: string } }>('conversations');
}

async function inDatabase<T>(uri: string, work: (conversations: Conversations) => Promise<T>): Promise<T> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 10_000 });
  try {
    return await work(conversationsOf(client));
  } finally {
    await closeClient(client);
  }
}

async function rowCount(conversations: Conversations): Promise<number> {
  let rows = 0;
  for await (const _ of conversations.find({}, { projection: { _id: 1 }, batchSize: 10_000 })) rows++;
  return rows;
}

/** How many of these sessions are not stored with their token id. */
async function missingOf(conversations: Conversations, sessions: readonly Session[]): Promise<number> {
  let missing = 0;
  const waiting = sessions.values();
  const look = async (): Promise<void> => {
    for (const { conversationId, sessionToken } of waiting) {
      const row = await conversations.findOne({ _id: new UUID(conversationId) });
      if (row?.session.jti !== jtiOf(sessionToken)) missing++;
    }
  };
  await Promise.all(Array.from({ length: READERS }, look));
  return missing;
}

function jtiOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti;
}
