import { ObjectId } from 'bson';
import { Box, bsonType } from '../bson/box.js';
import { encodeDocument } from '../bson/encode.js';
import { valueKey } from '../bson/value-key.js';
import { getOwn, type View, type ViewObject, viewOf } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { type Catalog, type Collection, type Index, numbered } from './collections.js';
import { duplicateKey } from './duplicate-key.js';
import { fieldsKeys, idKey, isCut, longestIdKey, type PathKeys } from './index-key.js';
import { after, asBuffer, type Store } from './store.js';

/** MongoDB's limit of one document. */
export const largestDocument = 16 * 1024 * 1024;

/** What the documents of a collection are stored with. */
export interface Documents {
  readonly store: Store;
  readonly catalog: Catalog;
}

/** A stored document and where it is. */
export interface Stored {
  /** The key of its `_id`. */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

interface IndexEntries {
  readonly index: Index;
  readonly keys: readonly Buffer[];
  readonly multikey: boolean;
  readonly cut: boolean;
}

/**
 * Adds a document, as the bytes that were sent; one without `_id` gets an ObjectId. Everything is checked before
 * anything is written, so a document that is refused leaves nothing behind.
 */
export function insertDocument(at: Documents, collection: Collection, bytes: Uint8Array): Stored {
  const sent = viewOf(bytes);
  const given = getOwn(sent, '_id');
  const whole = given === undefined ? withId(bytes) : bytes;
  const document = given === undefined ? viewOf(whole) : sent;
  const id = checkedId(document['_id'] ?? null);
  checkSize(whole);
  const key = numbered(collection.id, id);
  if (at.store.has(key)) {
    throw duplicateKey(collection, { name: '_id_', fields: [['_id', 1]] }, document);
  }
  const entries = entriesOf(collection, document);
  for (const entry of entries) checkUnique(at.store, collection, entry, id, document);
  at.store.put(key, whole);
  for (const entry of entries) putEntries(at.store, entry, id);
  note(at, collection, entries, document);
  return { id, bytes: asBuffer(whole) };
}

/** Puts another document in the place of a stored one with the same `_id`. Returns whether they differ. */
export function replaceDocument(at: Documents, collection: Collection, old: Stored, bytes: Buffer): boolean {
  if (old.bytes.equals(bytes)) return false;
  checkSize(bytes);
  const before = entriesOf(collection, viewOf(old.bytes));
  const document = viewOf(bytes);
  const entries = entriesOf(collection, document);
  for (const entry of entries) checkUnique(at.store, collection, entry, old.id, document);
  for (const entry of before) removeEntries(at.store, entry, old.id);
  at.store.put(numbered(collection.id, old.id), bytes);
  for (const entry of entries) putEntries(at.store, entry, old.id);
  note(at, collection, entries, document);
  return true;
}

/** Removes a stored document. */
export function deleteDocument(at: Documents, collection: Collection, old: Stored): void {
  for (const entry of entriesOf(collection, viewOf(old.bytes))) removeEntries(at.store, entry, old.id);
  at.store.remove(numbered(collection.id, old.id));
}

/** Adds the documents that are there to a new index. Throws code 11000; the caller undoes what was written. */
export function fillIndex(at: Documents, collection: Collection, index: Index): void {
  let start = numbered(collection.id);
  for (;;) {
    const page = at.store.page(start, numbered(collection.id + 1), false, 256);
    for (const { key, value } of page) {
      const document = viewOf(value);
      const [entry] = entriesOf({ ...collection, indexes: [index] }, document);
      if (entry === undefined) continue;
      const id = key.subarray(4);
      checkUnique(at.store, collection, entry, id, document);
      putEntries(at.store, entry, id);
      index.multikey ||= entry.multikey;
      index.cut ||= entry.cut;
    }
    const last = page.at(-1);
    if (last === undefined) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** The key of an `_id`, or code 53 for a value that cannot be one. */
export function checkedId(id: View): Buffer {
  if (Array.isArray(id)) throw new MongoError(53, "The '_id' value cannot be of type array");
  if (id instanceof Box) {
    const type = Box.typeOf(id);
    if (type === bsonType.regex) throw new MongoError(53, "The '_id' value cannot be of type regex");
    if (type === bsonType.undefined) throw new MongoError(53, "The '_id' value cannot be of type undefined");
  }
  return idKey(id);
}

/** The document with an `_id` before all else: `id`, or a new ObjectId. */
export function withId(bytes: Uint8Array, id: View = new Box(bsonType.objectId, new ObjectId().id)): Buffer {
  const head = encodeDocument({ _id: id });
  const whole = Buffer.concat([head.subarray(0, -1), bytes.subarray(4)]);
  whole.writeInt32LE(whole.length);
  return whole;
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length <= largestDocument) return;
  throw new MongoError(
    10334,
    `BSONObj size: ${bytes.length} is invalid. Size must be between 0 and 16777216`,
  );
}

function entriesOf(collection: Collection, document: ViewObject): IndexEntries[] {
  const made: PathKeys = new Map();
  return collection.indexes
    .filter((index) => index.partial === undefined || index.partial.match(document))
    .map((index) => ({ index, ...fieldsKeys(document, index.fields, made) }));
}

function checkUnique(
  store: Store,
  collection: Collection,
  { index, keys }: IndexEntries,
  id: Buffer,
  document: ViewObject,
): void {
  if (!index.unique) return;
  for (const key of keys) {
    const prefix = numbered(index.id, key);
    const others = store.page(prefix, after(prefix), false, 2);
    if (others.some(({ value }) => !value.equals(id))) throw duplicateKey(collection, index, document);
  }
}

function putEntries(store: Store, { index, keys }: IndexEntries, id: Buffer): void {
  for (const key of keys) store.put(numbered(index.id, key, id), id);
}

function removeEntries(store: Store, { index, keys }: IndexEntries, id: Buffer): void {
  for (const key of keys) store.remove(numbered(index.id, key, id));
}

/** Remembers what the planner must know about the keys that are there. */
function note(
  at: Documents,
  collection: Collection,
  entries: readonly IndexEntries[],
  document: ViewObject,
): void {
  let changed = false;
  if (!collection.cutIds && isCut(valueKey(document['_id'] ?? null), longestIdKey)) {
    collection.cutIds = true;
    changed = true;
  }
  for (const { index, multikey, cut } of entries) {
    if ((multikey && !index.multikey) || (cut && !index.cut)) {
      index.multikey ||= multikey;
      index.cut ||= cut;
      changed = true;
    }
  }
  if (changed) at.catalog.save(collection);
}
