import { Box, numberOf } from '../bson/box.js';
import { encodeDocument, rawDocument } from '../bson/encode.js';
import type { Direction } from '../bson/value-key.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject, viewOf } from '../bson/view.js';
import { checkedFilter, type Match, matcher } from '../filter/match.js';
import { after, type Store } from './store.js';

/** An index other than the one on `_id`. */
export interface Index {
  /** Its number in the store. */
  readonly id: number;
  readonly name: string;
  readonly fields: readonly (readonly [path: string, direction: Direction])[];
  readonly unique: boolean;
  /** The documents that it holds, when not all. */
  readonly partial?: { readonly filter: ViewObject; readonly match: Match };
  /** How long after the field's date a document expires. */
  readonly expireAfterSeconds?: number;
  /** The specification as it was sent: what listIndexes answers. */
  readonly spec: Buffer;
  /** Set once a document had several keys in it: ranges and orders then say less. */
  multikey: boolean;
  /** Set once a key was cut: its order among others with the same beginning is lost. */
  cut: boolean;
}

/** A collection and its indexes. */
export interface Collection {
  /** Its number in the store. */
  readonly id: number;
  readonly db: string;
  readonly name: string;
  /** Set once an `_id` was cut. */
  cutIds: boolean;
  indexes: Index[];
}

/** The collections of the store, kept in memory: there are few. */
export interface Catalog {
  find(db: string, name: string): Collection | undefined;
  /** Makes the collection if it is not there; in a transaction only, as are all below. */
  ensure(db: string, name: string): Collection;
  save(collection: Collection): void;
  nextId(): number;
  drop(collection: Collection): void;
  all(): Collection[];
  /** Reads everything anew: after a transaction that came to nothing. */
  reload(): void;
}

const NOTHING = Buffer.alloc(0);
const catalogId = 0;
const entryPrefix = numbered(catalogId, Buffer.from('c'));
const nextIdKey = numbered(catalogId, Buffer.from('n'));

/** A key, in one piece or two, in the part of the store that has this number. */
export function numbered(id: number, rest: Uint8Array = NOTHING, last: Uint8Array = NOTHING): Buffer {
  const key = Buffer.allocUnsafe(4 + rest.length + last.length);
  key.writeUInt32BE(id);
  key.set(rest, 4);
  key.set(last, 4 + rest.length);
  return key;
}

/** Opens the catalogue of a store. */
export function openCatalog(store: Store): Catalog {
  const collections = new Map<string, Collection>();
  const nameOf = (db: string, name: string) => `${db}.${name}`;
  const keyOf = (db: string, name: string) => Buffer.concat([entryPrefix, Buffer.from(nameOf(db, name))]);

  const reload = () => {
    collections.clear();
    let start = entryPrefix;
    for (;;) {
      const page = store.page(start, after(entryPrefix), false, 100);
      for (const { value } of page) {
        const collection = readCollection(viewOf(value));
        collections.set(nameOf(collection.db, collection.name), collection);
      }
      const last = page.at(-1);
      if (last === undefined) return;
      start = Buffer.concat([last.key, Buffer.from([0])]);
    }
  };
  reload();

  const nextId = () => {
    const id = store.get(nextIdKey)?.readUInt32BE() ?? 1;
    store.put(nextIdKey, numbered(id + 1));
    return id;
  };

  const save = (collection: Collection) => {
    const { id, db, name, cutIds, indexes } = collection;
    const written = encodeDocument({
      id,
      db,
      name,
      cutIds,
      indexes: indexes.map((index) => ({
        id: index.id,
        multikey: index.multikey,
        cut: index.cut,
        spec: rawDocument(index.spec),
      })),
    });
    store.put(keyOf(db, name), written);
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

/** An index from its specification, which has been checked. */
export function indexOf(id: number, specBytes: Buffer): Index {
  const spec = viewOf(specBytes);
  const fields = getOwn(spec, 'key');
  const partial = getOwn(spec, 'partialFilterExpression');
  const expires = getOwn(spec, 'expireAfterSeconds');
  return {
    id,
    name: String(getOwn(spec, 'name')),
    fields: isViewObject(fields)
      ? keysOf(fields).map((path) => [path, plainNumber(fields[path]) < 0 ? -1 : 1] as const)
      : [],
    unique: getOwn(spec, 'unique') === true,
    spec: specBytes,
    multikey: false,
    cut: false,
    ...(isViewObject(partial)
      ? { partial: { filter: checkedFilter(partial), match: matcher(partial) } }
      : {}),
    ...(expires instanceof Box ? { expireAfterSeconds: plainNumber(expires) } : {}),
  };
}

/** A boxed number as a plain one; NaN for anything else. */
export function plainNumber(value: View | undefined): number {
  return value instanceof Box ? Number(numberOf(value)) : Number.NaN;
}

function readCollection(entry: ViewObject): Collection {
  const indexes = getOwn(entry, 'indexes');
  return {
    id: plainNumber(entry['id']),
    db: String(entry['db']),
    name: String(entry['name']),
    cutIds: entry['cutIds'] === true,
    indexes: (Array.isArray(indexes) ? indexes : []).filter(isViewObject).map((index) => ({
      ...indexOf(plainNumber(index['id']), specOf(index)),
      multikey: index['multikey'] === true,
      cut: index['cut'] === true,
    })),
  };
}

function specOf(index: ViewObject): Buffer {
  const spec = index['spec'];
  return encodeDocument(isViewObject(spec) ? spec : {});
}
