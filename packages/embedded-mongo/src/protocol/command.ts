import { Box, bsonType } from '../bson/box.js';
import {
  type Element,
  elementsOf,
  isViewObject,
  keysOf,
  type View,
  type ViewObject,
  viewOfElement,
} from '../bson/view.js';
import { MongoError } from '../mongo-error.js';
import { plainNumber } from '../storage/collections.js';
import type { Request } from './wire.js';

/** A command's fields, read by name and type. Every reader throws a MongoDB error that names the field. */
export interface Fields {
  has(name: string): boolean;
  /** Throws code 72 for a field that is none of these: an option is served or refused, never ignored. */
  allowOnly(names: readonly string[]): void;
  view(name: string): View | undefined;
  document(name: string): ViewObject | undefined;
  /** The bytes of a document. */
  bytes(name: string): Buffer | undefined;
  text(name: string): string | undefined;
  /** A whole number, of any numeric type. */
  integer(name: string): number | undefined;
  /** A number below 2^63 and above -2^63, as sent. */
  long(name: string): bigint | undefined;
  /** True or false; numbers count as C has it. */
  flag(name: string): boolean;
  /** Documents, from the body or from a sequence beside it. */
  documents(name: string): readonly Uint8Array[];
}

/** One command. */
export interface Command extends Fields {
  readonly name: string;
  readonly db: string;
  /** Milliseconds that the client allows, or 0 for no limit. */
  readonly maxTimeMs: number;
}

/** What every command may carry. */
const generic = [
  'lsid',
  '$db',
  '$clusterTime',
  '$readPreference',
  'writeConcern',
  'readConcern',
  'maxTimeMS',
  'comment',
  'apiVersion',
  'apiStrict',
  'apiDeprecationErrors',
];

const transactional = ['txnNumber', 'startTransaction', 'autocommit'];
const readLevels = ['local', 'available', 'majority', 'linearizable'];

/** Reads a request as a command. Throws a MongoDB error for what no command of this server may have. */
export function commandOf(request: Request): Command {
  const elements = elementsOf(request.body);
  const [first] = elements;
  if (first === undefined) throw new MongoError(59, "no such command: ''");
  const fields = fieldsOf(elements, first.name, request.sequences);
  for (const name of transactional) {
    if (fields.has(name))
      throw new MongoError(20, `transactions and retryable writes are not supported: ${name}`);
  }
  const concern = fields.document('readConcern');
  if (concern) {
    const inner = fieldsOf(elementsOf(fields.bytes('readConcern') ?? Buffer.alloc(0)), 'readConcern');
    inner.allowOnly(['level']);
    const level = inner.text('level') ?? 'local';
    if (!readLevels.includes(level)) throw new MongoError(72, `readConcern level is not supported: ${level}`);
  }
  if (fields.has('writeConcern')) {
    // All of them are met: every write is on disk before it is answered.
    const inner = fieldsOf(elementsOf(fields.bytes('writeConcern') ?? Buffer.alloc(0)), 'writeConcern');
    inner.allowOnly(['w', 'j', 'wtimeout', 'fsync', 'provenance']);
  }
  return {
    ...fields,
    name: first.name,
    db: fields.text('$db') ?? (request.form === 'query' ? 'admin' : ''),
    maxTimeMs: fields.integer('maxTimeMS') ?? 0,
  };
}

/** Reads a document's fields; `owner` names it in errors. */
export function fieldsOf(
  elements: readonly Element[],
  owner: string,
  sequences: ReadonlyMap<string, readonly Uint8Array[]> = new Map(),
): Fields {
  const byName = new Map(elements.map((element) => [element.name, element]));
  const wrong = (name: string, wanted: string) =>
    new MongoError(14, `the field '${owner}.${name}' must be ${wanted}`);
  const view = (name: string): View | undefined => {
    const element = byName.get(name);
    return element && viewOfElement(element);
  };
  const number = (name: string): number | undefined => {
    const value = view(name);
    if (value === undefined || value === null) return undefined;
    const plain = plainNumber(value);
    if (Number.isNaN(plain)) throw wrong(name, 'a number');
    return plain;
  };
  return {
    view,
    has: (name) => byName.has(name) || sequences.has(name),
    allowOnly(names) {
      for (const name of [...byName.keys(), ...sequences.keys()]) {
        if (names.includes(name)) continue;
        throw new MongoError(72, `the embedded server does not support the field '${owner}.${name}'`);
      }
    },
    document(name) {
      const value = view(name);
      if (value === undefined || value === null) return undefined;
      if (!isViewObject(value)) throw wrong(name, 'an object');
      return value;
    },
    bytes(name) {
      const element = byName.get(name);
      if (element === undefined) return undefined;
      if (element.type !== bsonType.object) throw wrong(name, 'an object');
      return Buffer.from(element.bytes);
    },
    text(name) {
      const value = view(name);
      if (value === undefined) return undefined;
      if (typeof value !== 'string') throw wrong(name, 'a string');
      return value;
    },
    integer(name) {
      const value = number(name);
      if (value !== undefined && !Number.isInteger(value)) throw wrong(name, 'a whole number');
      return value;
    },
    long(name) {
      const element = byName.get(name);
      if (element?.type === bsonType.long) return Buffer.from(element.bytes).readBigInt64LE();
      const value = number(name);
      return value === undefined ? undefined : BigInt(Math.trunc(value));
    },
    flag(name) {
      const value = view(name);
      if (value === undefined || value === null) return false;
      if (typeof value === 'boolean') return value;
      if (value instanceof Box && !Number.isNaN(plainNumber(value))) return plainNumber(value) !== 0;
      throw wrong(name, 'true or false');
    },
    documents(name) {
      const beside = sequences.get(name);
      const element = byName.get(name);
      if (beside && element) throw new MongoError(9, `the field '${owner}.${name}' is there twice`);
      if (beside) return beside;
      if (element === undefined) return [];
      if (element.type !== bsonType.array) throw wrong(name, 'an array');
      return elementsOf(element.bytes).map((item) => {
        if (item.type !== bsonType.object) throw wrong(name, 'an array of objects');
        return item.bytes;
      });
    },
  };
}

/** Refuses the fields of a command that it does not serve; those that all commands have are served. */
export function allow(command: Command, names: readonly string[]): void {
  command.allowOnly([command.name, ...generic, ...names]);
}

/** The collection that a command names. Throws code 73 for a name that none can have. */
export function collectionName(command: Command, field: string = command.name): string {
  const name = command.text(field) ?? '';
  const isFine =
    name !== '' && !name.includes('\0') && !name.includes('$') && !name.startsWith('.') && name.length < 200;
  if (!isFine) throw new MongoError(73, `Invalid collection name: '${name}'`);
  databaseName(command);
  return name;
}

/** The database that a command is for. Throws code 73 for a name that none can have. */
export function databaseName(command: Command): string {
  const isFine = command.db !== '' && command.db.length < 64 && !/[\0/\\. "$*<>:|?]/.test(command.db);
  if (!isFine) throw new MongoError(73, `Invalid database name: '${command.db}'`);
  return command.db;
}

/** Reads one statement of a write command: a document within it. */
export function statement(bytes: Uint8Array, owner: string, names: readonly string[]): Fields {
  const fields = fieldsOf(elementsOf(bytes), owner);
  fields.allowOnly(names);
  return fields;
}

/** Whether all names of a document begin with a dollar sign, or none; code 9 for a mixture at the front. */
export function isModifiers(update: ViewObject): boolean {
  return keysOf(update)[0]?.startsWith('$') ?? false;
}
