import { rawDocument } from '../bson/encode.js';
import { isArray, numberOf, RawValue } from '../bson/values.js';
import { parseFilter } from '../filter/filter.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName, type Reply } from '../protocol/command.js';
import { planOf } from '../query/planner.js';
import { projectionOf } from '../query/projection.js';
import { scan } from '../query/scan.js';
import { createSorter, sortOf } from '../query/sorter.js';
import { type Documents, MAX_DOCUMENT_BYTES, type Stored } from '../storage/documents.js';
import type { Cursor, Cursors } from './cursors.js';

/** MongoDB's size of a first batch. */
const FIRST_BATCH = 101;
/** How long a scan may keep this thread before others get a turn, in ms. */
const TURN_MS = 10;

/** Serves `find`: the first batch, and a cursor when there is more. */
export async function find(at: Documents, cursors: Cursors, command: Command): Promise<Reply> {
  allow(command, ['filter', 'sort', 'projection', 'limit', 'batchSize', 'singleBatch']);
  const name = collectionName(command);
  const namespace = `${databaseName(command)}.${name}`;
  const filter = parseFilter(command.document('filter') ?? new Map());
  const sort = sortOf(command.document('sort') ?? new Map());
  const project = projectionOf(command.document('projection') ?? new Map());
  const limit = count(command, 'limit') || Number.POSITIVE_INFINITY;
  const batchSize = count(command, 'batchSize') ?? FIRST_BATCH;
  const pause = pauses();
  const collection = at.collections.find(databaseName(command), name);
  if (!collection) return cursorReply('firstBatch', [], 0n, namespace);

  const plan = planOf(collection, filter, sort);
  let documents: Iterator<Stored | undefined> = scan(at, collection, plan, filter);
  let heldBytes = 0;
  if (!plan.sorted) {
    const sorter = createSorter(sort, limit);
    for (let next = documents.next(); !next.done; next = documents.next()) {
      if (next.value) sorter.add(next.value);
      await pause();
    }
    documents = sorter.sorted().values();
    heldBytes = sorter.heldBytes;
  }
  const cursor: Cursor = { namespace, documents, pending: undefined, left: limit, project, heldBytes };
  const { batch, isDone } = await nextBatch(cursor, batchSize, pause);
  const id = isDone || command.flag('singleBatch') ? 0n : cursors.keep(cursor);
  return cursorReply('firstBatch', batch, id, namespace);
}

/** Serves `getMore`. */
export async function getMore(cursors: Cursors, command: Command): Promise<Reply> {
  allow(command, ['collection', 'batchSize']);
  const id = command.long(command.name) ?? 0n;
  const namespace = `${databaseName(command)}.${collectionName(command, 'collection')}`;
  const batchSize = count(command, 'batchSize') || Number.POSITIVE_INFINITY;
  const cursor = cursors.take(id, namespace);
  const { batch, isDone } = await nextBatch(cursor, batchSize, pauses());
  if (!isDone) cursors.putBack(id, cursor);
  return cursorReply('nextBatch', batch, isDone ? 0n : id, namespace);
}

/** Serves `killCursors`. */
export function killCursors(cursors: Cursors, command: Command): Reply {
  allow(command, ['cursors']);
  const namespace = `${databaseName(command)}.${collectionName(command)}`;
  const list = command.value('cursors');
  if (!isArray(list)) throw new MongoError(9, "the field 'killCursors.cursors' must be an array");
  const cursorsKilled: bigint[] = [];
  const cursorsNotFound: bigint[] = [];
  for (const item of list) {
    const number = item instanceof RawValue ? numberOf(item) : 0;
    const id = typeof number === 'bigint' || Number.isInteger(number) ? BigInt(number) : 0n;
    (cursors.kill(id, namespace) ? cursorsKilled : cursorsNotFound).push(id);
  }
  return { cursorsKilled, cursorsNotFound, cursorsAlive: [], cursorsUnknown: [], ok: 1 };
}

/** Fills one batch. `isDone` is true when nothing more will come, as far as is known without looking further. */
async function nextBatch(
  cursor: Cursor,
  size: number,
  pause: () => Promise<void> | undefined,
): Promise<{ readonly batch: Buffer[]; readonly isDone: boolean }> {
  const batch: Buffer[] = [];
  let batchBytes = 0;
  while (batch.length < size && cursor.left > 0) {
    let bytes = cursor.pending;
    cursor.pending = undefined;
    if (bytes === undefined) {
      const next = cursor.documents.next();
      if (next.done) return { batch, isDone: true };
      await pause();
      if (next.value === undefined) continue;
      bytes = cursor.project(next.value.bytes);
    }
    // An element costs its type, its number and a 0 besides the document.
    if (batch.length > 0 && batchBytes + bytes.length + 16 > MAX_DOCUMENT_BYTES) {
      cursor.pending = bytes;
      return { batch, isDone: false };
    }
    batchBytes += bytes.length + 16;
    batch.push(bytes);
    cursor.left--;
  }
  return { batch, isDone: cursor.left <= 0 };
}

/** Gives other operations a turn every 10 ms. The returned function answers a promise only when it is time to wait. */
function pauses(): () => Promise<void> | undefined {
  let turnStart = performance.now();
  let steps = 0;
  return () => {
    if (++steps % 32 !== 0 || performance.now() - turnStart < TURN_MS) return undefined;
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

function count(command: Command, name: string): number | undefined {
  const value = command.integer(name);
  if (value !== undefined && value < 0)
    throw new MongoError(2, `the field '${command.name}.${name}' must not be negative`);
  return value;
}
