import { decodeDocument } from '../bson/decode.js';
import { encodeDocument, rawDocument } from '../bson/encode.js';
import { type BsonDocument, isArray, isDocument, plainNumber, RawValue } from '../bson/values.js';
import { checkedName, type Filter, parseFilter } from '../filter/filter.js';
import type { Fields } from './index-key.js';
import { after, type Store } from './store.js';

/** An index other than the one on `_id`. */
export interface Index {
  /** Its number in the store. */
  readonly id: number;
  readonly name: string;
  readonly fields: Fields;
  readonly unique: boolean;
  /** What the documents match that it holds, where it does not hold all. */
  readonly partial?: Filter;
  /** How long after the date in its field a document expires. */
  readonly expireAfterSeconds?: number;
  /** The specification as listIndexes answers it. */
  readonly spec: Buffer;
  /** Set once a key was cut: then the index no longer gives an order. */
  cut: boolean;
}

/** A collection and its indexes. */
export interface Collection {
  /** Its number in the store. */
  readonly id: number;
  readonly db: string;
  readonly name: string;
  /** Set once the key of an `_id` was cut. */
  cutIds: boolean;
  indexes: Index[];
}

/** The collections of the store, all kept in memory. */
export interface Collections {
  find(db: string, name: string): Collection | undefined;
  /** Makes the collection if it is not there. This and all below run in a transaction only. */
  ensure(db: string, name: string): Collection;
  save(collection: Collection): void;
  nextId(): number;
  drop(collection: Collection): void;
  all(): Collection[];
  /** Reads all of them again, after a transaction that was undone. */
  reload(): void;
}

const NOTHING = Buffer.alloc(0);
const COLLECTIONS_ID = 0;
const ENTRY_PREFIX = numbered(COLLECTIONS_ID, Buffer.from('c'));
const NEXT_ID_KEY = numbered(COLLECTIONS_ID, Buffer.from('n'));

/** A key in the part of the store that has this number; it may come in two pieces. */
export function numbered(id: number, rest: Uint8Array = NOTHING, last: Uint8Array = NOTHING): Buffer {
  const key = Buffer.allocUnsafe(4 + rest.length + last.length);
  key.writeUInt32BE(id);
  key.set(rest, 4);
  key.set(last, 4 + rest.length);
  return key;
}

/** Reads the collections of a store. */
export function openCollections(store: Store): Collections {
  const collections = new Map<string, Collection>();
  const nameOf = (db: string, name: string) => `${db}.${name}`;
  const keyOf = (db: string, name: string) => Buffer.concat([ENTRY_PREFIX, Buffer.from(nameOf(db, name))]);

  const reload = () => {
    collections.clear();
    let start = ENTRY_PREFIX;
    for (;;) {
      const page = store.page(start, after(ENTRY_PREFIX), false, 100);
      for (const { value } of page) {
        const collection = collectionOf(decodeDocument(value));
        collections.set(nameOf(collection.db, collection.name), collection);
      }
      const last = page.at(-1);
      if (last === undefined) return;
      start = Buffer.concat([last.key, Buffer.from([0])]);
    }
  };
  reload();

  const nextId = () => {
    const id = store.get(NEXT_ID_KEY)?.readUInt32BE() ?? 1;
    store.put(NEXT_ID_KEY, numbered(id + 1));
    return id;
  };

  const save = (collection: Collection) => {
    const { id, db, name, cutIds, indexes } = collection;
    const entries = indexes.map((index) => ({
      id: index.id,
      // Earlier versions, which read the same format, had indexes over arrays.
      multikey: false,
      cut: index.cut,
      spec: rawDocument(index.spec),
    }));
    store.put(keyOf(db, name), encodeDocument({ id, db, name, cutIds, indexes: entries }));
    collections.set(nameOf(db, name), collection);
  };

  return {
    reload,
    nextId,
    save,
    find: (db, name) => collections.get(nameOf(db, name)),
    all: () => [...collections.values()],
    ensure(db, name) {
      const known = collections.get(nameOf(db, name));
      if (known) return known;
      const collection: Collection = { id: nextId(), db, name, cutIds: false, indexes: [] };
      save(collection);
      return collection;
    },
    drop(collection) {
      for (const id of [collection.id, ...collection.indexes.map((index) => index.id)]) removeAll(store, id);
      store.remove(keyOf(collection.db, collection.name));
      collections.delete(nameOf(collection.db, collection.name));
    },
  };
}

/** Removes all entries of one part of the store. */
export function removeAll(store: Store, id: number): void {
  for (;;) {
    const page = store.page(numbered(id), numbered(id + 1), false, 1000);
    if (page.length === 0) return;
    for (const { key } of page) store.remove(key);
  }
}

/** An index from its specification, which has been checked (commands/index-spec.ts). */
export function indexOf(id: number, spec: Buffer): Index {
  const members = decodeDocument(spec);
  const key = members.get('key');
  const partial = members.get('partialFilterExpression');
  const expires = members.get('expireAfterSeconds');
  return {
    id,
    name: String(members.get('name')),
    fields: isDocument(key)
      ? [...key].map(
          ([name, direction]) => [checkedName(name, 67), plainNumber(direction) < 0 ? -1 : 1] as const,
        )
      : [],
    unique: members.get('unique') === true,
    spec,
    cut: false,
    ...(isDocument(partial) ? { partial: parseFilter(partial) } : {}),
    ...(expires instanceof RawValue ? { expireAfterSeconds: plainNumber(expires) } : {}),
  };
}

function collectionOf(entry: BsonDocument): Collection {
  const indexes = entry.get('indexes');
  return {
    id: plainNumber(entry.get('id')),
    db: String(entry.get('db')),
    name: String(entry.get('name')),
    cutIds: entry.get('cutIds') === true,
    indexes: (isArray(indexes) ? indexes : []).filter(isDocument).map((index) => {
      if (index.get('multikey') === true)
        throw new Error('it has an index over arrays, which this version does not read');
      const spec = index.get('spec');
      return {
        ...indexOf(plainNumber(index.get('id')), encodeDocument(isDocument(spec) ? spec : {})),
        cut: index.get('cut') === true,
      };
    }),
  };
}
