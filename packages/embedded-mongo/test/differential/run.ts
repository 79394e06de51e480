import { BSON, type Db, type Document, MongoServerError } from 'mongodb';
import type { Operation } from './operations.js';

/** The outcome of an operation, as text that shows every BSON type: equal texts are equal outcomes. */
export type Outcome = string;

/** Keeps the types of numbers and the bytes of everything else. */
const asStored = { promoteValues: false, promoteLongs: false, promoteBuffers: false } as const;

/** Runs one operation on a collection. An error of the server is an outcome; any other is thrown. */
export async function run(db: Db, collection: string, operation: Operation): Promise<Outcome> {
  try {
    return show(await answer(db, collection, operation));
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw error;
    return show({ code: error.code });
  }
}

/** The contents of a collection: its documents and its indexes. */
export async function contents(db: Db, collection: string): Promise<Outcome> {
  const documents = await db.collection(collection, asStored).find({}, asStored).toArray();
  const all = await db.collection(collection).listIndexes().toArray().catch(missing);
  // Servers differ in whether a write that came to nothing leaves an empty collection behind.
  const indexes = all.filter(({ name }) => name !== '_id_');
  return show({
    documents: documents.map(show).sort(),
    indexes: indexes
      .map(({ key, name, unique, partialFilterExpression }) =>
        show({ key, name, unique: unique === true, partialFilterExpression }),
      )
      .sort(),
  });
}

/** Indexes of a collection that was never made: none. */
function missing(error: unknown): Document[] {
  if (error instanceof MongoServerError && error.code === 26) return [];
  throw error;
}

async function answer(db: Db, collection: string, operation: Operation): Promise<Document> {
  const command = (body: Document) => db.command(body, asStored);
  if ('insert' in operation) {
    const { insert: documents, ordered } = operation;
    return counts(await command({ insert: collection, documents, ordered }));
  }
  if ('update' in operation) {
    const { update: q, by: u } = operation;
    return counts(await command({ update: collection, updates: [{ q, u }] }));
  }
  if ('delete' in operation) {
    const { delete: q } = operation;
    return counts(await command({ delete: collection, deletes: [{ q, limit: 0 }] }));
  }
  if ('find' in operation) {
    const { sort, projection, ...limits } = operation.options;
    const options = { ...asStored, ...limits, sort: new Map(Object.entries(sort)) as never, projection };
    return { documents: await db.collection(collection).find(operation.find, options).toArray() };
  }
  await command({ createIndexes: collection, indexes: [operation.createIndex] });
  return { ok: 1 };
}

/** The counts of a write, and which of its statements failed how. */
function counts({ n, nModified, writeErrors = [] }: Document): Document {
  return {
    n: Number(n),
    ...(nModified !== undefined && { nModified: Number(nModified) }),
    writeErrors: writeErrors.map(({ index, code }: Document) => ({
      index: Number(index),
      code: Number(code),
    })),
  };
}

/** Extended JSON, which shows all types, with members sorted by name. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value;
  const plain: unknown = JSON.parse(BSON.EJSON.stringify(value, { relaxed: false }));
  return JSON.stringify(plain, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
