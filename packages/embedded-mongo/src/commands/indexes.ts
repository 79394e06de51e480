import { encodeDocument, rawDocument } from '../bson/encode.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName, type Reply } from '../protocol/command.js';
import { type Collection, indexOf, removeAll } from '../storage/collections.js';
import { type Documents, fillIndex } from '../storage/documents.js';
import { checkedSpec, isIdIndex, isKnown } from './index-spec.js';

/** MongoDB's limit of a collection's indexes, with that on `_id`. */
const MAX_INDEXES = 64;
const ID_SPEC = encodeDocument({ v: 2, key: { _id: 1 }, name: '_id_' });

/** Serves `createIndexes`: all of them are made, or none and nothing is left behind. */
export function createIndexes(at: Documents, command: Command): Reply {
  allow(command, ['indexes']);
  const name = collectionName(command);
  const specs = command.documents('indexes').map(checkedSpec);
  if (specs.length === 0) throw new MongoError(2, 'Must specify at least one index to create');
  const existed = at.collections.find(databaseName(command), name) !== undefined;
  const collection = at.collections.ensure(databaseName(command), name);
  const before = collection.indexes.length + 1;
  try {
    at.store.attempt(() => {
      for (const spec of specs) makeIndex(at, collection, spec);
    });
  } catch (thrown) {
    at.collections.reload();
    throw thrown;
  }
  const after = collection.indexes.length + 1;
  return {
    numIndexesBefore: before,
    numIndexesAfter: after,
    createdCollectionAutomatically: !existed,
    ...(after === before ? { note: 'all indexes already exist' } : {}),
    ok: 1,
  };
}

function makeIndex(at: Documents, collection: Collection, spec: Buffer): void {
  if (isIdIndex(spec) || isKnown(collection.indexes, spec)) return;
  if (collection.indexes.length + 1 >= MAX_INDEXES)
    throw new MongoError(67, `a collection has at most ${MAX_INDEXES} indexes`);
  const index = indexOf(at.collections.nextId(), spec);
  removeAll(at.store, index.id);
  fillIndex(at, collection, index);
  collection.indexes = [...collection.indexes, index];
  at.collections.save(collection);
}

/** Serves `listIndexes`. */
export function listIndexes(at: Documents, command: Command): Reply {
  allow(command, ['cursor']);
  const name = collectionName(command);
  const ns = `${databaseName(command)}.${name}`;
  const collection = at.collections.find(command.db, name);
  if (!collection) throw new MongoError(26, `ns does not exist: ${ns}`);
  const specs = [ID_SPEC, ...collection.indexes.map((index) => index.spec)];
  return { cursor: { id: 0n, ns, firstBatch: specs.map(rawDocument) }, ok: 1 };
}

/** Serves `dropDatabase`. Cursors over its collections find no more. */
export function dropDatabase(at: Documents, command: Command): Reply {
  allow(command, []);
  const db = databaseName(command);
  for (const collection of at.collections.all()) {
    if (collection.db === db) at.collections.drop(collection);
  }
  return { dropped: db, ok: 1 };
}
