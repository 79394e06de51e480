import { encodeDocument, rawDocument } from '../bson/encode.js';
import { viewOf } from '../bson/view.js';
import { matcher } from '../filter/match.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName } from '../protocol/command.js';
import { planOf } from '../query/planner.js';
import { projection } from '../query/project.js';
import { type Found, scan } from '../query/scan.js';
import { sorter, sortOf } from '../query/sort.js';
import { type Documents, largestDocument } from '../storage/documents.js';
import type { Cursor, Cursors } from './cursors.js';
import type { Reply } from './write.js';

const firstBatchSize = 101;
/** After this many milliseconds a walk lets others have a turn. */
const turnMs = 10;

/** Serves `find`: the first batch, and a cursor when there is more. */
export async function find(at: Documents, cursors: Cursors, command: Command): Promise<Reply> {
  allow(command, [
    'filter',
    'sort',
    'projection',
    'skip',
    'limit',
    'batchSize',
    'singleBatch',
    'noCursorTimeout',
  ]);
  if (command.flag('noCursorTimeout'))
    throw new MongoError(72, 'the embedded server does not support noCursorTimeout');
  const name = collectionName(command);
  const namespace = `${databaseName(command)}.${name}`;
  const filter = command.document('filter') ?? {};
  const sort = sortOf(command.document('sort') ?? {});
  const project = projection(command.document('projection') ?? {});
  const skip = positive(command, 'skip') ?? 0;
  const limit = positive(command, 'limit') || Number.POSITIVE_INFINITY;
  const batchSize = positive(command, 'batchSize') ?? firstBatchSize;
  // A faulty filter is refused even where there is nothing to find.
  matcher(filter);
  const pause = pauses(command.maxTimeMs);
  const collection = at.catalog.find(databaseName(command), name);
  if (!collection) return cursorReply('firstBatch', [], 0n, namespace);

  const plan = planOf(collection, filter, sort);
  let documents: Iterator<Found | undefined> = scan(at, collection, plan, filter);
  let heldBytes = 0;
  if (!plan.sorted) {
    const sorting = sorter(sort, skip + limit);
    for (let next = documents.next(); !next.done; next = documents.next()) {
      if (next.value) sorting.add(next.value);
      await pause();
    }
    documents = sorting.sorted().values();
    heldBytes = sorting.heldBytes;
  }
  for (let skipped = 0; skipped < skip; ) {
    const next = documents.next();
    if (next.done) break;
    if (next.value) skipped++;
    await pause();
  }
  const cursor: Cursor = {
    namespace,
    documents,
    pending: undefined,
    left: limit,
    project: project ? (bytes) => encodeDocument(project(viewOf(bytes))) : (bytes) => bytes,
    heldBytes,
  };
  const { batch, isDone } = await nextBatch(cursor, batchSize, pause);
  const id = isDone || command.flag('singleBatch') ? 0n : cursors.keep(cursor);
  return cursorReply('firstBatch', batch, id, namespace);
}

/** Serves `getMore`. */
export async function getMore(cursors: Cursors, command: Command): Promise<Reply> {
  allow(command, ['collection', 'batchSize']);
  const id = command.long(command.name) ?? 0n;
  const namespace = `${databaseName(command)}.${collectionName(command, 'collection')}`;
  const batchSize = positive(command, 'batchSize') || Number.POSITIVE_INFINITY;
  const cursor = cursors.take(id, namespace);
  const { batch, isDone } = await nextBatch(cursor, batchSize, pauses(command.maxTimeMs));
  if (!isDone) cursors.putBack(id, cursor);
  return cursorReply('nextBatch', batch, isDone ? 0n : id, namespace);
}

/** Serves `killCursors`. */
export function killCursors(cursors: Cursors, command: Command): Reply {
  allow(command, ['cursors']);
  const namespace = `${databaseName(command)}.${collectionName(command)}`;
  const list = command.view('cursors');
  if (!Array.isArray(list)) throw new MongoError(9, "the field 'killCursors.cursors' must be an array");
  const cursorsKilled: bigint[] = [];
  const cursorsNotFound: bigint[] = [];
  for (const item of list) {
    const id = BigInt(String(item));
    (cursors.kill(id, namespace) ? cursorsKilled : cursorsNotFound).push(id);
  }
  return { cursorsKilled, cursorsNotFound, cursorsAlive: [], cursorsUnknown: [], ok: 1 };
}

/** Fills one batch. It is done when nothing more will come, as far as can be told without looking further. */
async function nextBatch(
  cursor: Cursor,
  most: number,
  pause: () => Promise<void> | undefined,
): Promise<{ readonly batch: Buffer[]; readonly isDone: boolean }> {
  const batch: Buffer[] = [];
  let size = 0;
  while (batch.length < most && cursor.left > 0) {
    let bytes = cursor.pending;
    cursor.pending = undefined;
    if (bytes === undefined) {
      const next = cursor.documents.next();
      if (next.done) return { batch, isDone: true };
      await pause();
      if (next.value === undefined) continue;
      bytes = cursor.project(next.value.bytes);
    }
    // Each element costs its type, its number and a 0 besides the document.
    if (batch.length > 0 && size + bytes.length + 16 > largestDocument) {
      cursor.pending = bytes;
      return { batch, isDone: false };
    }
    size += bytes.length + 16;
    batch.push(bytes);
    cursor.left--;
  }
  return { batch, isDone: cursor.left <= 0 };
}

/** Lets others have a turn now and then, and keeps the time limit: code 50. Waits only when it is time to. */
function pauses(maxTimeMs: number): () => Promise<void> | undefined {
  const start = performance.now();
  let turnStart = start;
  let steps = 0;
  return () => {
    if (++steps % 32 !== 0) return undefined;
    const now = performance.now();
    if (maxTimeMs > 0 && now - start > maxTimeMs) {
      throw new MongoError(50, 'operation exceeded time limit');
    }
    if (now - turnStart < turnMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        turnStart = performance.now();
        resolve();
      });
    });
  };
}

function cursorReply(
  field: 'firstBatch' | 'nextBatch',
  batch: readonly Buffer[],
  id: bigint,
  ns: string,
): Reply {
  return { cursor: { [field]: batch.map(rawDocument), id, ns }, ok: 1 };
}

function positive(command: Command, name: string): number | undefined {
  const value = command.integer(name);
  if (value !== undefined && value < 0)
    throw new MongoError(2, `the field '${command.name}.${name}' must not be negative`);
  return value;
}
