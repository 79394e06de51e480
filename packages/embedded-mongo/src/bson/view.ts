import { onDemand } from 'bson';
import { MongoError } from '../mongo-error.js';
import { Box, box, bsonType } from './box.js';

/** A BSON value as queries and updates see it. Nothing is lost in it: what JavaScript cannot hold is boxed. */
export type View = null | boolean | string | Date | Box | View[] | ViewObject;

/** A BSON document as queries and updates see it: its names are those of `viewName`. */
export interface ViewObject {
  [key: string]: View;
}

/** Nesting beyond this is refused, as MongoDB does; it also bounds our recursion. */
const maxDepth = 180;

/**
 * The key order of documents with keys that look like array indices, which JavaScript lists before all others.
 */
const keyOrders = new WeakMap<object, readonly string[]>();

/** One element of a document: its name, its type, and the bytes of its value. */
export interface Element {
  readonly name: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** The elements of one document, unread. Throws code 22 for bytes that are no BSON. */
export function elementsOf(document: Uint8Array): Element[] {
  const found: Element[] = [];
  for (const [type, nameOffset, nameLength, offset, length] of parsed(document)) {
    const name = nameAt(document, nameOffset, nameLength);
    found.push({ name, type, bytes: document.subarray(offset, offset + length) });
  }
  return found;
}

/** Where the elements of a document are. */
function parsed(document: Uint8Array) {
  try {
    return onDemand.parseToElements(document);
  } catch (error) {
    throw notBson(error);
  }
}

function nameAt(document: Uint8Array, offset: number, length: number): string {
  try {
    return onDemand.ByteUtils.toUTF8(document, offset, offset + length, true);
  } catch (error) {
    throw notBson(error);
  }
}

function notBson(error: unknown): MongoError {
  return new MongoError(22, `invalid BSON: ${error instanceof Error ? error.message : String(error)}`);
}

/** Reads a document. Throws code 22 for bytes that are no BSON, or nested deeper than 180. */
export function viewOf(document: Uint8Array, depth = 0): ViewObject {
  if (depth > maxDepth) throw new MongoError(22, `invalid BSON: nested deeper than ${maxDepth} levels`);
  const view: ViewObject = {};
  const names: string[] = [];
  let reordered = false;
  for (const [type, nameOffset, nameLength, offset, length] of parsed(document)) {
    const sent = nameAt(document, nameOffset, nameLength);
    const name = viewName(sent);
    view[name] = valueAt(document, type, offset, length, depth);
    names.push(name);
    reordered ||= isIndexLike(sent);
  }
  if (reordered) keyOrders.set(view, names);
  return view;
}

/** Reads one element's value. */
export function viewOfElement({ type, bytes }: Element, depth = 0): View {
  return valueAt(bytes, type, 0, bytes.length, depth);
}

/** Reads the value of an element where it stands in its document: a view of its bytes is made only where it is kept. */
function valueAt(document: Uint8Array, type: number, offset: number, length: number, depth: number): View {
  const bytes = () => document.subarray(offset, offset + length);
  switch (type) {
    case bsonType.object:
      return viewOf(bytes(), depth + 1);
    case bsonType.array:
      if (depth > maxDepth) throw new MongoError(22, `invalid BSON: nested deeper than ${maxDepth} levels`);
      return elementsOf(bytes()).map((item) => viewOfElement(item, depth + 1));
    case bsonType.string:
      return textAt(document, offset, length);
    case bsonType.null:
      return null;
    case bsonType.bool:
      return document[offset] === 1;
    case bsonType.date: {
      const milliseconds = onDemand.NumberUtils.getBigInt64LE(document, offset);
      const date = new Date(Number(milliseconds));
      // Out of the range of JavaScript's Date: kept as it came.
      return Number.isNaN(date.getTime()) ? box(type, bytes()) : date;
    }
    default:
      return box(type, bytes());
  }
}

function textAt(document: Uint8Array, offset: number, length: number): string {
  const end = offset + length - 1;
  if (length < 5 || document[end] !== 0) throw new MongoError(22, 'invalid BSON: bad string');
  try {
    return onDemand.ByteUtils.toUTF8(document, offset + 4, end, true);
  } catch {
    throw new MongoError(22, 'invalid BSON: a string is not valid UTF-8');
  }
}

function isIndexLike(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 48 && first <= 57 && /^(0|[1-9]\d{0,9})$/.test(name);
}

/**
 * Names that every JavaScript object inherits, such as `constructor`; mingo reads and sets them without asking whose
 * they are. In views such a part of a name ends with a 0, which no name in BSON can contain.
 */
const inherited = new Set(Object.getOwnPropertyNames(Object.prototype));

/** A name or a dotted path as views have it. */
export function viewName(name: string): string {
  if (name.includes('.')) {
    return name
      .split('.')
      .map((part) => (inherited.has(part) ? `${part}\0` : part))
      .join('.');
  }
  return inherited.has(name) ? `${name}\0` : name;
}

/** A view's name or path as it is in BSON. */
export function bsonName(name: string): string {
  return name.includes('\0') ? name.replaceAll('\0', '') : name;
}

/** An own property, never an inherited one. */
export function getOwn(view: ViewObject, name: string): View | undefined {
  return Object.hasOwn(view, name) ? view[name] : undefined;
}

/** The keys of a document in the order they are to be written: as they came, then the new ones. */
export function keysOf(view: ViewObject): readonly string[] {
  const order = keyOrders.get(view);
  if (order === undefined) return Object.keys(view);
  const kept = new Set(order.filter((name) => Object.hasOwn(view, name)));
  for (const name of Object.keys(view)) kept.add(name);
  return [...kept];
}

/** Whether a value is a document: not null, an array, a date or a box. */
export function isViewObject(value: unknown): value is ViewObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Box)
  );
}
