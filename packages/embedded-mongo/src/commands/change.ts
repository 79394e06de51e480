import { encodeDocument } from '../bson/encode.js';
import { getOwn, isViewObject, keysOf, type View, type ViewObject, viewOf } from '../bson/view.js';
import { isOperators } from '../filter/match.js';
import { MongoError } from '../mongo-error.js';
import { isModifiers } from '../protocol/command.js';
import { withId } from '../storage/documents.js';
import { idKey } from '../storage/index-key.js';
import { checkModifiers, modify, setPath } from './modify.js';

/** What an update statement does to a document: operators, or another document in its place. */
export interface Change {
  readonly isReplacement: boolean;
  /** The bytes of a stored document after the change. */
  apply(old: Buffer, filter: ViewObject): Buffer;
  /** The bytes of the document that an upsert makes. */
  create(filter: ViewObject): Buffer;
}

/** Reads an update, as bytes: a fresh reading for each document, since applying it may use it up. */
export function changeOf(update: Uint8Array, arrayFilters: readonly ViewObject[], now: () => Date): Change {
  const isReplacement = !isModifiers(viewOf(update));
  if (isReplacement && arrayFilters.length > 0) throw new MongoError(9, 'arrayFilters need update operators');
  if (!isReplacement) checkModifiers(viewOf(update));
  return {
    isReplacement,
    apply(old, filter) {
      const document = viewOf(old);
      const id = getOwn(document, '_id') ?? null;
      if (isReplacement) return replacement(update, id);
      modify(document, viewOf(update), { filter, arrayFilters, isInsert: false, now: now() });
      return encodeDocument(document);
    },
    create(filter) {
      const base = equalities(filter);
      const id = getOwn(base, '_id');
      if (isReplacement) return id === undefined ? withIdFirst(update) : replacement(update, id);
      const modifiers = viewOf(update);
      const document: ViewObject = {};
      const newId = id ?? idOf(modifiers);
      if (newId !== undefined) document['_id'] = newId;
      for (const path of keysOf(base)) if (path !== '_id') setPath(document, path, base[path] ?? null);
      modify(document, modifiers, { filter, arrayFilters, isInsert: true, now: now() });
      return withIdFirst(encodeDocument(document));
    },
  };
}

/** A document to stand in another's place: its bytes as sent, with the `_id` of the other if it has none. */
function replacement(update: Uint8Array, id: View): Buffer {
  const given = getOwn(viewOf(update), '_id');
  if (given === undefined) return withId(update, id);
  if (!idKey(given).equals(idKey(id))) {
    throw new MongoError(66, "the (immutable) field '_id' was found to have been altered");
  }
  return Buffer.from(update);
}

function withIdFirst(document: Uint8Array): Buffer {
  return getOwn(viewOf(document), '_id') === undefined ? withId(document) : Buffer.from(document);
}

/** The `_id` that operators give to a new document. */
function idOf(modifiers: ViewObject): View | undefined {
  for (const operator of ['$setOnInsert', '$set']) {
    const spec = getOwn(modifiers, operator);
    const id = isViewObject(spec) ? getOwn(spec, '_id') : undefined;
    if (id !== undefined) return id;
  }
  return undefined;
}

/** The fields that a filter holds equal to a value: an upsert starts from them. */
function equalities(filter: ViewObject): ViewObject {
  const found: ViewObject = {};
  for (const path of keysOf(filter)) {
    const value = filter[path] ?? null;
    if (path === '$and' && Array.isArray(value)) {
      for (const part of value) if (isViewObject(part)) Object.assign(found, equalities(part));
    } else if (!path.startsWith('$')) {
      const equal = isOperators(value) ? getOwn(value, '$eq') : value;
      if (equal !== undefined) found[path] = equal;
    }
  }
  return found;
}
