import { decodeDocument } from '../bson/decode.js';
import { valueKey } from '../bson/value-key.js';
import type { Encodable } from '../bson/values.js';
import { equalKey, type Filter, parseFilter } from '../filter/filter.js';
import { matches } from '../filter/match.js';
import { MongoError, unsupported } from '../mongo-error.js';
import {
  allow,
  type Command,
  collectionName,
  databaseName,
  type Reply,
  statement,
} from '../protocol/command.js';
import { planOf } from '../query/planner.js';
import { scan } from '../query/scan.js';
import type { Collection } from '../storage/collections.js';
import {
  type Documents,
  deleteDocument,
  insertDocument,
  replaceDocument,
  type Stored,
  storedDocument,
  withId,
} from '../storage/documents.js';

/** MongoDB's limit of statements in one command. */
export const MAX_STATEMENTS = 100_000;

/** Serves `insert`. */
export function insert(at: Documents, command: Command): Reply {
  allow(command, ['documents', 'ordered']);
  const name = collectionName(command);
  const documents = statementsOf(command, 'documents');
  const collection = at.collections.ensure(databaseName(command), name);
  let n = 0;
  const writeErrors = eachStatement(command, documents, (bytes) => {
    insertDocument(at, collection, bytes);
    n++;
  });
  return { n, ...writeErrors, ok: 1 };
}

/** Serves `delete`, of all documents that a filter matches. */
export function remove(at: Documents, command: Command): Reply {
  allow(command, ['deletes', 'ordered']);
  const name = collectionName(command);
  let n = 0;
  const writeErrors = eachStatement(command, statementsOf(command, 'deletes'), (bytes) => {
    const fields = statement(bytes, 'delete.deletes', ['q', 'limit']);
    const filter = parseFilter(fields.required('q'));
    if (fields.integer('limit') !== 0) throw unsupported(72, `a 'delete.deletes.limit' other than 0`);
    const collection = at.collections.find(databaseName(command), name);
    if (!collection) return;
    for (const found of matching(at, collection, filter)) {
      deleteDocument(at, collection, found);
      n++;
    }
  });
  return { n, ...writeErrors, ok: 1 };
}

/** Serves `update`: the document with an `_id`, if it matches the rest of the filter too, is replaced by another. */
export function update(at: Documents, command: Command): Reply {
  allow(command, ['updates', 'ordered']);
  const name = collectionName(command);
  let n = 0;
  let nModified = 0;
  const writeErrors = eachStatement(command, statementsOf(command, 'updates'), (bytes) => {
    const fields = statement(bytes, 'update.updates', ['q', 'u']);
    const filter = parseFilter(fields.required('q'));
    const id = equalKey(filter, '_id');
    if (id === undefined) throw unsupported(72, `an 'update.updates.q' without one _id`);
    const operator = fields.required('u').keys().next().value;
    if (operator?.startsWith('$'))
      throw unsupported(9, `the update operator ${operator}: the whole document is to be replaced`);
    const collection = at.collections.find(databaseName(command), name);
    const stored = collection && storedDocument(at, collection, id);
    if (!stored || !matches(filter, decodeDocument(stored.bytes))) return;
    const isModified = replaceDocument(at, collection, stored, replacement(fields.bytes('u'), stored));
    n++;
    if (isModified) nModified++;
  });
  return { n, nModified, ...writeErrors, ok: 1 };
}

/** The bytes as sent, with the `_id` of the stored document where they have none. Throws code 66 for another one. */
function replacement(bytes: Buffer, stored: Stored): Buffer {
  const id = decodeDocument(stored.bytes).get('_id') ?? null;
  const given = decodeDocument(bytes).get('_id');
  if (given === undefined) return withId(bytes, id);
  if (valueKey(given).equals(valueKey(id))) return bytes;
  throw new MongoError(66, "the (immutable) field '_id' was found to have been altered");
}

/** All documents that match, found before the first is changed: a change cannot bring one before the scan again. */
function matching(at: Documents, collection: Collection, filter: Filter): Stored[] {
  const plan = planOf(collection, filter);
  return [...scan(at, collection, plan, filter)].filter((found) => found !== undefined);
}

/** The statements of a write command, at least one. */
function statementsOf(command: Command, field: string): readonly Uint8Array[] {
  const statements = command.documents(field);
  if (statements.length > 0 && statements.length <= MAX_STATEMENTS) return statements;
  throw new MongoError(
    9,
    `Write batch sizes must be between 1 and ${MAX_STATEMENTS}. Got ${statements.length} operations.`,
  );
}

/** Runs the statements one by one. The first that is refused ends an ordered command; others go on. */
function eachStatement(
  command: Command,
  statements: readonly Uint8Array[],
  run: (bytes: Uint8Array) => void,
): { writeErrors?: Encodable[] } {
  const isOrdered = command.has('ordered') ? command.flag('ordered') : true;
  const writeErrors: Encodable[] = [];
  for (const [index, bytes] of statements.entries()) {
    try {
      run(bytes);
    } catch (thrown) {
      if (!(thrown instanceof MongoError)) throw thrown;
      writeErrors.push({ index, code: thrown.code, ...thrown.extra, errmsg: thrown.message });
      if (isOrdered) break;
    }
  }
  return writeErrors.length > 0 ? { writeErrors } : {};
}
