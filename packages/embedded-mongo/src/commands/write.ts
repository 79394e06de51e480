import type { Encodable } from '../bson/encode.js';
import { type ViewObject, viewOf } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName, statement } from '../protocol/command.js';
import { planOf, type Sort } from '../query/planner.js';
import { type Found, scan } from '../query/scan.js';
import { sorter, sortOf } from '../query/sort.js';
import { type Documents, deleteDocument, insertDocument, replaceDocument } from '../storage/documents.js';
import { changeOf } from './change.js';

/** The answer to a command, before it is written as BSON. */
export type Reply = Record<string, Encodable>;

/** MongoDB's limit of statements in one command. */
export const largestBatch = 100_000;

/** Serves `insert`. */
export function insert(at: Documents, command: Command): Reply {
  allow(command, ['documents', 'ordered', 'bypassDocumentValidation']);
  refuseBypass(command);
  const name = collectionName(command);
  const documents = batch(command, 'documents');
  const collection = at.catalog.ensure(databaseName(command), name);
  let n = 0;
  const writeErrors = eachStatement(command, documents, (bytes) => {
    insertDocument(at, collection, bytes);
    n++;
  });
  return { n, ...writeErrors, ok: 1 };
}

/** Serves `delete`. */
export function remove(at: Documents, command: Command): Reply {
  allow(command, ['deletes', 'ordered']);
  const name = collectionName(command);
  let n = 0;
  const writeErrors = eachStatement(command, batch(command, 'deletes'), (bytes) => {
    const fields = statement(bytes, 'delete.deletes', ['q', 'limit']);
    const filter = fields.document('q');
    const limit = fields.integer('limit');
    if (!filter || (limit !== 0 && limit !== 1))
      throw new MongoError(9, 'a delete needs q, and limit 0 or 1');
    const collection = at.catalog.find(databaseName(command), name);
    if (!collection) return;
    for (const found of matching(at, command, filter, name, [], limit === 1 ? 1 : Number.POSITIVE_INFINITY)) {
      deleteDocument(at, collection, found);
      n++;
    }
  });
  return { n, ...writeErrors, ok: 1 };
}

/** Serves `update`. */
export function update(at: Documents, command: Command, now: () => Date): Reply {
  allow(command, ['updates', 'ordered', 'bypassDocumentValidation']);
  refuseBypass(command);
  const name = collectionName(command);
  let n = 0;
  let nModified = 0;
  const upserted: Encodable[] = [];
  const writeErrors = eachStatement(command, batch(command, 'updates'), (bytes, index) => {
    const fields = statement(bytes, 'update.updates', ['q', 'u', 'upsert', 'multi', 'arrayFilters', 'sort']);
    const filter = fields.document('q');
    if (!filter) throw new MongoError(9, 'an update needs q');
    if (Array.isArray(fields.view('u')))
      throw new MongoError(72, 'the embedded server has no pipeline updates');
    const change = changeOf(
      fields.bytes('u') ?? Buffer.alloc(0),
      fields.documents('arrayFilters').map((filter) => viewOf(filter)),
      now,
    );
    const isMulti = fields.flag('multi');
    if (isMulti && change.isReplacement)
      throw new MongoError(9, 'multi update is not supported for replacement-style update');
    const sort = sortOf(fields.document('sort') ?? {});
    const collection = fields.flag('upsert')
      ? at.catalog.ensure(databaseName(command), name)
      : at.catalog.find(databaseName(command), name);
    if (!collection) return;
    const found = matching(at, command, filter, name, sort, isMulti ? Number.POSITIVE_INFINITY : 1);
    for (const stored of found) {
      const isModified = replaceDocument(at, collection, stored, change.apply(stored.bytes, filter));
      n++;
      if (isModified) nModified++;
    }
    if (found.length === 0 && fields.flag('upsert')) {
      const made = insertDocument(at, collection, change.create(filter));
      upserted.push({ index, _id: viewOf(made.bytes)['_id'] });
      n++;
    }
  });
  return { n, nModified, ...(upserted.length > 0 ? { upserted } : {}), ...writeErrors, ok: 1 };
}

/**
 * The documents that match, in order, at most `most`. All are found before the first is changed, so that a change
 * cannot bring a document before the walk again. The walk and the change are one operation of one thread: nothing
 * comes between them.
 */
export function matching(
  at: Documents,
  command: Command,
  filter: ViewObject,
  name: string,
  sort: Sort,
  most: number,
): Found[] {
  const collection = at.catalog.find(databaseName(command), name);
  if (!collection) return [];
  const plan = planOf(collection, filter, sort);
  const sorting = plan.sorted ? undefined : sorter(sort, most);
  const results: Found[] = [];
  for (const found of scan(at, collection, plan, filter)) {
    if (found === undefined) continue;
    if (sorting) sorting.add(found);
    else results.push({ id: found.id, bytes: found.bytes });
    if (results.length >= most) break;
  }
  return sorting ? sorting.sorted() : results;
}

/** The statements of a write command, at least one. */
function batch(command: Command, field: string): readonly Uint8Array[] {
  const statements = command.documents(field);
  if (statements.length > 0 && statements.length <= largestBatch) return statements;
  throw new MongoError(
    9,
    `Write batch sizes must be between 1 and ${largestBatch}. Got ${statements.length} operations.`,
  );
}

function refuseBypass(command: Command): void {
  if (command.flag('bypassDocumentValidation')) {
    throw new MongoError(72, 'the embedded server does not support bypassDocumentValidation');
  }
}

/** Runs the statements one by one; the first that is refused stops an ordered command, others go on. */
function eachStatement(
  command: Command,
  statements: readonly Uint8Array[],
  run: (bytes: Uint8Array, index: number) => void,
): { writeErrors?: Encodable[] } {
  const isOrdered = command.has('ordered') ? command.flag('ordered') : true;
  const writeErrors: Encodable[] = [];
  for (const [index, bytes] of statements.entries()) {
    try {
      run(bytes, index);
    } catch (thrown) {
      if (!(thrown instanceof MongoError)) throw thrown;
      writeErrors.push({ index, code: thrown.code, ...thrown.extra, errmsg: thrown.message });
      if (isOrdered) break;
    }
  }
  return writeErrors.length > 0 ? { writeErrors } : {};
}
