import { ObjectId } from 'bson';
import { decodeDocument } from '../bson/decode.js';
import { encodeDocument } from '../bson/encode.js';
import { valueKey } from '../bson/value-key.js';
import { type BsonDocument, type BsonValue, bsonType, isArray, RawValue } from '../bson/values.js';
import { matches } from '../filter/match.js';
import { MongoError } from '../mongo-error.js';
import { type Collection, type Collections, type Index, numbered } from './collections.js';
import { duplicateKey } from './duplicate-key.js';
import { fieldsKey, MAX_FIELDS_KEY, MAX_ID_KEY, type MemberKeys, shortened } from './index-key.js';
import { after, asBuffer, type Store } from './store.js';

/** MongoDB's limit of one document, in bytes. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** What documents are stored with. */
export interface Documents {
  readonly store: Store;
  readonly collections: Collections;
}

/** A stored document and its place. */
export interface Stored {
  /** The key of its `_id`, shortened. */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

interface Entry {
  readonly index: Index;
  /** The document's key in the index, shortened. */
  readonly key: Buffer;
  readonly isCut: boolean;
}

/**
 * Adds a document, with an ObjectId where it has no `_id`. Everything is checked before anything is written, so that a
 * document that is refused leaves nothing behind.
 */
export function insertDocument(at: Documents, collection: Collection, bytes: Uint8Array): void {
  const sent = decodeDocument(bytes);
  const hasId = sent.has('_id');
  const whole = hasId ? bytes : withId(bytes);
  const document = hasId ? sent : decodeDocument(whole);
  const idKey = checkedIdKey(document.get('_id') ?? null);
  checkSize(whole);
  const id = shortened(idKey, MAX_ID_KEY);
  const key = numbered(collection.id, id);
  if (at.store.has(key)) {
    throw duplicateKey(collection, { name: '_id_', fields: [['_id', 1]] }, document);
  }
  const entries = entriesOf(collection.indexes, document);
  for (const entry of entries) checkUnique(at.store, collection, entry, id, document);
  at.store.put(key, whole);
  for (const entry of entries) putEntry(at.store, entry, id);
  noteCuts(at, collection, entries, idKey.length > MAX_ID_KEY);
}

/** The stored document with an `_id`, by the key of that. */
export function storedDocument(at: Documents, collection: Collection, idKey: Buffer): Stored | undefined {
  const id = shortened(idKey, MAX_ID_KEY);
  const bytes = at.store.get(numbered(collection.id, id));
  return bytes && { id, bytes };
}

/** Replaces a stored document by another with the same `_id`. @returns whether the two differ */
export function replaceDocument(at: Documents, collection: Collection, old: Stored, bytes: Buffer): boolean {
  if (old.bytes.equals(bytes)) return false;
  checkSize(bytes);
  const before = entriesOf(collection.indexes, decodeDocument(old.bytes));
  const document = decodeDocument(bytes);
  const entries = entriesOf(collection.indexes, document);
  for (const entry of entries) checkUnique(at.store, collection, entry, old.id, document);
  for (const entry of before) removeEntry(at.store, entry, old.id);
  at.store.put(numbered(collection.id, old.id), bytes);
  for (const entry of entries) putEntry(at.store, entry, old.id);
  noteCuts(at, collection, entries, false);
  return true;
}

/** Removes a stored document. */
export function deleteDocument(at: Documents, collection: Collection, { id, bytes }: Stored): void {
  for (const entry of entriesOf(collection.indexes, decodeDocument(bytes))) removeEntry(at.store, entry, id);
  at.store.remove(numbered(collection.id, id));
}

/** Adds all documents to a new index. Throws code 11000; the caller undoes what was written. */
export function fillIndex(at: Documents, collection: Collection, index: Index): void {
  let start = numbered(collection.id);
  for (;;) {
    const page = at.store.page(start, numbered(collection.id + 1), false, 256);
    for (const { key, value } of page) {
      const document = decodeDocument(value);
      const id = key.subarray(4);
      for (const entry of entriesOf([index], document)) {
        checkUnique(at.store, collection, entry, id, document);
        putEntry(at.store, entry, id);
        index.cut ||= entry.isCut;
      }
    }
    const last = page.at(-1);
    if (last === undefined) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** The document with an `_id` as its first member: `id`, or a new ObjectId. */
export function withId(
  bytes: Uint8Array,
  id: BsonValue = new RawValue(bsonType.objectId, new ObjectId().id),
): Buffer {
  const head = encodeDocument({ _id: id });
  const whole = Buffer.concat([head.subarray(0, -1), asBuffer(bytes).subarray(4)]);
  whole.writeInt32LE(whole.length);
  return whole;
}

/** The key of an `_id`. Throws code 53 for a value that cannot be one. */
function checkedIdKey(id: BsonValue): Buffer {
  const isRaw = id instanceof RawValue;
  const wrong = isArray(id)
    ? 'array'
    : isRaw && id.type === bsonType.regex
      ? 'regex'
      : isRaw && id.type === bsonType.undefined
        ? 'undefined'
        : undefined;
  if (wrong) throw new MongoError(53, `The '_id' value cannot be of type ${wrong}`);
  return valueKey(id);
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length <= MAX_DOCUMENT_BYTES) return;
  throw new MongoError(
    10334,
    `BSONObj size: ${bytes.length} is invalid. Size must be between 0 and ${MAX_DOCUMENT_BYTES}`,
  );
}

function entriesOf(indexes: readonly Index[], document: BsonDocument): Entry[] {
  const made: MemberKeys = new Map();
  return indexes
    .filter(({ partial }) => partial === undefined || matches(partial, document))
    .map((index) => {
      const key = fieldsKey(document, index.fields, made);
      return { index, key: shortened(key, MAX_FIELDS_KEY), isCut: key.length > MAX_FIELDS_KEY };
    });
}

function checkUnique(
  store: Store,
  collection: Collection,
  { index, key }: Entry,
  id: Buffer,
  document: BsonDocument,
): void {
  if (!index.unique) return;
  const prefix = numbered(index.id, key);
  const others = store.page(prefix, after(prefix), false, 2);
  if (others.some(({ value }) => !value.equals(id))) throw duplicateKey(collection, index, document);
}

function putEntry(store: Store, { index, key }: Entry, id: Buffer): void {
  store.put(numbered(index.id, key, id), id);
}

function removeEntry(store: Store, { index, key }: Entry, id: Buffer): void {
  store.remove(numbered(index.id, key, id));
}

/** Saves that keys were cut, for the planner: their order is lost. */
function noteCuts(at: Documents, collection: Collection, entries: readonly Entry[], isIdCut: boolean): void {
  let hasChanged = false;
  if (isIdCut && !collection.cutIds) {
    collection.cutIds = true;
    hasChanged = true;
  }
  for (const { index, isCut } of entries) {
    if (!isCut || index.cut) continue;
    index.cut = true;
    hasChanged = true;
  }
  if (hasChanged) at.collections.save(collection);
}
