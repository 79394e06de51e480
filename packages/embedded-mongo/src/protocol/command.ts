import { decodeElement, type Element, elementsOf } from '../bson/decode.js';
import {
  type BsonDocument,
  type BsonValue,
  bsonType,
  type Encodable,
  isDocument,
  plainNumber,
  RawValue,
} from '../bson/values.js';
import { MongoError, unsupported } from '../mongo-error.js';
import type { Request } from './wire.js';

/** The answer to a command, before it is written as BSON. */
export type Reply = Record<string, Encodable>;

/** Serves a command of one connection. */
export type Serve = (command: Command, connectionId: number) => Promise<Reply>;

/** Reads the fields of a command by name and type. Each reader throws a MongoDB error that names the field. */
export interface Fields {
  has(name: string): boolean;
  /** Throws code 72 for a field that is none of these, so that no option is ignored. */
  allowOnly(names: readonly string[]): void;
  value(name: string): BsonValue | undefined;
  document(name: string): BsonDocument | undefined;
  /** A document that must be there. */
  required(name: string): BsonDocument;
  /** The bytes of a document that must be there. */
  bytes(name: string): Buffer;
  text(name: string): string | undefined;
  /** A whole number, of any numeric type. */
  integer(name: string): number | undefined;
  /** A 64-bit integer, exact. */
  long(name: string): bigint | undefined;
  /** True or false; of numbers, 0 is false. */
  flag(name: string): boolean;
  /** Documents, from the body or from a sequence beside it. */
  documents(name: string): readonly Uint8Array[];
}

/** One command. */
export interface Command extends Fields {
  readonly name: string;
  readonly db: string;
}

/** What every command may carry. */
const GENERIC = ['lsid', '$db', 'writeConcern', 'readConcern'];
const TRANSACTIONAL = ['txnNumber', 'startTransaction', 'autocommit'];
/** All of them are met: a read sees what is on disk. */
const READ_LEVELS = ['local', 'majority'];

/** Reads a request as a command. Throws a MongoDB error for what no command of this server may have. */
export function commandOf(request: Request): Command {
  const elements = elementsOf(request.body);
  const [first] = elements;
  if (first === undefined) throw new MongoError(59, "no such command: ''");
  const fields = fieldsOf(elements, first.name, request.sequences);
  for (const name of TRANSACTIONAL) {
    if (fields.has(name)) throw unsupported(20, `transactions and retryable writes: ${name}`);
  }
  if (fields.has('readConcern')) {
    const concern = statement(fields.bytes('readConcern'), 'readConcern', ['level']);
    const level = concern.text('level') ?? 'local';
    if (!READ_LEVELS.includes(level)) throw unsupported(72, `the readConcern level ${level}`);
  }
  // Every write is on disk before it is answered, which meets all concerns that can be named by these.
  if (fields.has('writeConcern')) statement(fields.bytes('writeConcern'), 'writeConcern', ['w', 'j']);
  return {
    ...fields,
    name: first.name,
    db: fields.text('$db') ?? (request.form === 'query' ? 'admin' : ''),
  };
}

/** Reads a document's fields; `owner` names it in errors. */
function fieldsOf(
  elements: readonly Element[],
  owner: string,
  sequences: ReadonlyMap<string, readonly Uint8Array[]> = new Map(),
): Fields {
  const byName = new Map(elements.map((element) => [element.name, element]));
  const wrong = (name: string, wanted: string) =>
    new MongoError(14, `the field '${owner}.${name}' must be ${wanted}`);
  const value = (name: string): BsonValue | undefined => {
    const element = byName.get(name);
    return element && decodeElement(element);
  };
  const number = (name: string): number | undefined => {
    const found = value(name);
    if (found === undefined || found === null) return undefined;
    const plain = plainNumber(found);
    if (Number.isNaN(plain)) throw wrong(name, 'a number');
    return plain;
  };
  const document = (name: string): BsonDocument | undefined => {
    const found = value(name);
    if (found === undefined || found === null) return undefined;
    if (!isDocument(found)) throw wrong(name, 'an object');
    return found;
  };
  return {
    value,
    document,
    has: (name) => byName.has(name) || sequences.has(name),
    allowOnly(names) {
      for (const name of [...byName.keys(), ...sequences.keys()]) {
        if (names.includes(name)) continue;
        throw unsupported(72, `the field '${owner}.${name}'`);
      }
    },
    required(name) {
      const found = document(name);
      if (found === undefined) throw wrong(name, 'an object');
      return found;
    },
    bytes(name) {
      const element = byName.get(name);
      if (element?.type !== bsonType.object) throw wrong(name, 'an object');
      return Buffer.from(element.bytes);
    },
    text(name) {
      const found = value(name);
      if (found === undefined) return undefined;
      if (typeof found !== 'string') throw wrong(name, 'a string');
      return found;
    },
    integer(name) {
      const found = number(name);
      if (found !== undefined && !Number.isInteger(found)) throw wrong(name, 'a whole number');
      return found;
    },
    long(name) {
      const element = byName.get(name);
      if (element?.type === bsonType.long) return Buffer.from(element.bytes).readBigInt64LE();
      const found = number(name);
      return found === undefined ? undefined : BigInt(Math.trunc(found));
    },
    flag(name) {
      const found = value(name);
      if (found === undefined || found === null) return false;
      if (typeof found === 'boolean') return found;
      if (found instanceof RawValue && !Number.isNaN(plainNumber(found))) return plainNumber(found) !== 0;
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

/** Refuses all fields of a command but these and those that any command may have. */
export function allow(command: Command, names: readonly string[]): void {
  command.allowOnly([command.name, ...GENERIC, ...names]);
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
