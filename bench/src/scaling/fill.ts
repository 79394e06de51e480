import { setTimeout as sleep } from 'node:timers/promises';
import { toDocument } from 'chatsessions/mongo/conversation-document.js';
import type { ConversationDocument, Database } from 'chatsessions/mongo/database.js';
import { isDuplicateKey } from 'chatsessions/mongo/driver-errors.js';
import { MongoBulkWriteError } from 'mongodb';
import { type History, storedConversation } from './stored-conversation.js';

/** The range of conversations to write. */
export interface FillOptions {
  readonly history: History;
  /** The number of the first one. */
  readonly from: number;
  /** The number after the last one. */
  readonly to: number;
  /** Called with a line of progress every 5 s. */
  readonly onProgress: (line: string) => void;
  /** Whether to stop early. */
  readonly isOver?: () => boolean;
  /** How long to wait before a batch is sent again, in ms: 1,000 unless set. */
  readonly retryMs?: number;
}

const BATCH = 500;
/** Batches in flight. */
const WIDTH = 4;
/** How often a batch is sent before its error is thrown. */
const ATTEMPTS = 10;
const PROGRESS_MS = 5_000;

/**
 * Writes conversations straight to the collection, in the form in which the service stores them.
 *
 * @returns the number after the last one that was written: `to` unless it was stopped
 * @throws the driver's error when a batch fails for the last time
 */
export async function fill(
  { conversations }: Pick<Database, 'conversations'>,
  { history, from, to, onProgress, isOver = () => false, retryMs = 1_000 }: FillOptions,
): Promise<number> {
  const began = performance.now();
  let next = from;
  let written = 0;
  const progress = setInterval(() => {
    const rate = (written * 1_000) / (performance.now() - began);
    const left = rate > 0 ? Math.round((to - from - written) / rate) : Number.NaN;
    onProgress(`filled ${from + written} of ${to}, ${Math.round(rate)}/s, ${left} s to go`);
  }, PROGRESS_MS);
  let failure: { readonly error: unknown } | undefined;
  const write = async () => {
    while (next < to && failure === undefined && !isOver()) {
      const first = next;
      next = Math.min(first + BATCH, to);
      const rows = Array.from({ length: next - first }, (_, n) =>
        toDocument(storedConversation(first + n, history)),
      );
      try {
        await insertAll(rows);
        written += rows.length;
      } catch (error) {
        failure = { error };
      }
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, write));
  clearInterval(progress);
  if (failure !== undefined) throw failure.error;
  return next;

  async function insertAll(rows: readonly ConversationDocument[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await conversations.insertMany(rows, { ordered: false });
        return;
      } catch (error) {
        // An earlier attempt, whose answer was lost, may have written some of them.
        if (isOnlyDuplicates(error)) return;
        if (attempt === ATTEMPTS) throw error;
        await sleep(retryMs);
      }
    }
  }
}

function isOnlyDuplicates(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError)) return false;
  const failures = [error.writeErrors].flat();
  return failures.length > 0 && failures.every(isDuplicateKey);
}
