import { Box } from '../bson/box.js';
import { encodeDocument, rawDocument } from '../bson/encode.js';
import { keysOf, viewOf } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { allow, type Command, collectionName, databaseName, statement } from '../protocol/command.js';
import { type Collection, indexOf, plainNumber, removeAll } from '../storage/collections.js';
import { type Documents, fillIndex } from '../storage/documents.js';
import { isReachable } from '../storage/index-key.js';
import type { Cursors } from './cursors.js';
import type { Reply } from './write.js';

const specFields = [
  'key',
  'name',
  'unique',
  'partialFilterExpression',
  'expireAfterSeconds',
  'v',
  'background',
];
/** MongoDB's limit, with that on `_id`. */
const mostIndexes = 64;
const idSpec = () => encodeDocument({ v: 2, key: { _id: 1 }, name: '_id_' });

/** Serves `createIndexes`: all of them are made, or none and nothing is left behind. */
export function createIndexes(at: Documents, command: Command): Reply {
  allow(command, ['indexes', 'commitQuorum']);
  const name = collectionName(command);
  const specs = command.documents('indexes').map(checkedSpec);
  if (specs.length === 0) throw new MongoError(2, 'Must specify at least one index to create');
  const existed = at.catalog.find(databaseName(command), name) !== undefined;
  const collection = at.catalog.ensure(databaseName(command), name);
  const before = collection.indexes.length + 1;
  try {
    at.store.attempt(() => {
      for (const spec of specs) makeIndex(at, collection, spec);
    });
  } catch (thrown) {
    at.catalog.reload();
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
  if (isIdIndex(spec) || isKnown(collection, spec)) return;
  if (collection.indexes.length + 1 >= mostIndexes)
    throw new MongoError(67, `a collection has at most ${mostIndexes} indexes`);
  const index = indexOf(at.catalog.nextId(), spec);
  removeAll(at.store, index.id);
  fillIndex(at, collection, index);
  collection.indexes = [...collection.indexes, index];
  at.catalog.save(collection);
}

/** Serves `listIndexes`. */
export function listIndexes(at: Documents, command: Command): Reply {
  allow(command, ['cursor']);
  const name = collectionName(command);
  const ns = `${databaseName(command)}.${name}`;
  const collection = at.catalog.find(command.db, name);
  if (!collection) throw new MongoError(26, `ns does not exist: ${ns}`);
  const specs = [idSpec(), ...collection.indexes.map((index) => index.spec)];
  return { cursor: { id: 0n, ns, firstBatch: specs.map(rawDocument) }, ok: 1 };
}

/** Serves `dropDatabase`. Its cursors go on and find nothing. */
export function dropDatabase(at: Documents, _cursors: Cursors, command: Command): Reply {
  allow(command, []);
  const db = databaseName(command);
  for (const collection of at.catalog.all()) if (collection.db === db) at.catalog.drop(collection);
  return { dropped: db, ok: 1 };
}

/** A specification as it is kept. Throws codes 67, 72 and 2 for what this server does not index. */
function checkedSpec(bytes: Uint8Array): Buffer {
  const fields = statement(bytes, 'createIndexes.indexes', specFields);
  const key = fields.document('key') ?? {};
  const name = fields.text('name') ?? '';
  if (name === '' || name.includes('\0')) throw new MongoError(9, 'an index needs a name');
  const paths = keysOf(key);
  if (paths.length === 0 || paths.length > 32) throw new MongoError(67, 'an index needs 1 to 32 fields');
  for (const path of paths) {
    const direction = plainNumber(key[path]);
    if (direction !== 1 && direction !== -1)
      throw new MongoError(67, `only 1 and -1 can be indexed by: ${path}`);
    if (path === '' || path.startsWith('$') || path.split('.').includes('') || !isReachable(path)) {
      throw new MongoError(67, `not a path: '${path.slice(0, 100)}'`);
    }
  }
  const partial = fields.bytes('partialFilterExpression');
  const seconds = fields.integer('expireAfterSeconds');
  if (seconds !== undefined && (seconds < 0 || seconds > 2 ** 31 - 1)) {
    throw new MongoError(67, 'expireAfterSeconds must be between 0 and 2147483647');
  }
  if (seconds !== undefined && paths.length > 1)
    throw new MongoError(67, 'TTL indexes are single-field indexes');
  // Compiled once here, so that a faulty filter is refused now.
  const spec = encodeDocument({
    v: 2,
    key,
    name,
    ...(fields.flag('unique') ? { unique: true } : {}),
    ...(partial ? { partialFilterExpression: viewOf(partial) } : {}),
    ...(seconds === undefined ? {} : { expireAfterSeconds: seconds }),
  });
  indexOf(0, spec);
  return spec;
}

function isIdIndex(spec: Buffer): boolean {
  const { key } = viewOf(spec);
  return (
    typeof key === 'object' && key !== null && !(key instanceof Box) && Object.keys(key).join() === '_id'
  );
}

/**
 * Whether the very index is there. An index is told by its fields, `unique` and its filter (MongoDB's signature, since
 * 5.0). Throws code 86 when its name is another index's, and 85 when it is there with another name or another option.
 */
function isKnown(collection: Collection, spec: Buffer): boolean {
  const wanted = viewOf(spec);
  const name = String(wanted['name']);
  const signature = (bytes: Buffer) => {
    const { key, unique, partialFilterExpression } = viewOf(bytes);
    return encodeDocument({ key, unique, partialFilterExpression });
  };
  const byName = collection.indexes.find((index) => index.name === name);
  if (byName) {
    if (byName.spec.equals(spec)) return true;
    if (!signature(byName.spec).equals(signature(spec))) {
      throw new MongoError(86, `An existing index has the same name as the requested index: ${name}`);
    }
    throw new MongoError(
      85,
      `An equivalent index already exists with the same name but different options: ${name}`,
    );
  }
  const same = collection.indexes.find((index) => signature(index.spec).equals(signature(spec)));
  if (same) throw new MongoError(85, `Index already exists with a different name: ${same.name}`);
  return false;
}
