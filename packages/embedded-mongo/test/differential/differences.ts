import type { ServerKind } from '@chatsessions/test-harness';
import type { Fields, Operation } from './operations.js';
import { type Outcome, show } from './run.js';

/** A difference that is not the embedded server's fault, and that changes nothing of what is stored. */
export interface Difference {
  readonly name: string;
  /** The server that differs from MongoDB; `any` where MongoDB's own answer is one of several. */
  readonly server: ServerKind | 'any';
  readonly reason: string;
  readonly applies: (operation: Operation, embedded: Outcome, other: Outcome) => boolean;
}

const code = (n: number): Outcome => show({ code: n });
const refusedUpdate = (n: number): Outcome =>
  show({ n: 0, nModified: 0, writeErrors: [{ index: 0, code: n }] });
/** What a value in the way of an operator is answered with: no array, no number, no document. */
const refusals: ReadonlySet<Outcome> = new Set([2, 14, 28].flatMap((n) => [refusedUpdate(n), code(n)]));
const nothingUpdated = show({ n: 0, nModified: 0, writeErrors: [] });
const nothingFound = show({ value: null, n: 0, updatedExisting: false });

const updated = '"n":{"$numberInt":"1"},"updatedExisting":true';
const notUpdated = '"n":{"$numberInt":"0"},"updatedExisting":false';

/** All that may differ. Whatever is not here fails the test. */
export const differences: readonly Difference[] = [
  {
    name: 'a duplicate by findAndModify',
    server: 'ferretdb',
    reason: "its findAndModify passes PostgreSQL's own error on (code 1), where MongoDB says 11000",
    applies: (operation, embedded, other) =>
      'findAndModify' in operation && embedded === code(11000) && other === code(1),
  },
  {
    name: 'a unique index over duplicates',
    server: 'ferretdb',
    reason: "its createIndexes passes PostgreSQL's own error on (code 1), where MongoDB says 11000",
    applies: (operation, embedded, other) =>
      'createIndex' in operation && embedded === code(11000) && other === code(1),
  },
  {
    name: 'operators in conflict, and nothing matches',
    server: 'ferretdb',
    reason:
      'it looks for conflicts (code 40) when it has a document to change, or no collection; MongoDB does before it ' +
      'looks for one',
    applies: (operation, embedded, other) =>
      ('update' in operation && embedded === refusedUpdate(40) && other === nothingUpdated) ||
      ('findAndModify' in operation && embedded === code(40) && other === nothingFound),
  },
  {
    name: 'findAndModify that changes nothing',
    server: 'ferretdb',
    reason:
      'it counts the document as not updated (n 0, updatedExisting false), MongoDB as updated; both answer the ' +
      'document, which is all that the driver hands on',
    applies: (operation, embedded, other) =>
      'findAndModify' in operation &&
      other.includes(notUpdated) &&
      !other.includes('"value":null') &&
      other.replace(notUpdated, updated) === embedded,
  },
  {
    name: '$inc by zero',
    server: 'ferretdb',
    reason: 'it counts the document as modified, MongoDB does not; the document is the same',
    applies: (operation, embedded, other) =>
      'update' in operation &&
      incrementsByZero(operation.set) &&
      withoutModified(embedded) === withoutModified(other),
  },
  {
    name: 'a $push whose $slice leaves the array as it was',
    server: 'any',
    reason:
      'whether the document counts as modified: the embedded server says no, FerretDB yes; the document is the same, ' +
      'and the service sends no $push',
    applies: (operation, embedded, other) =>
      'update' in operation &&
      show(operation.set['$push'] ?? {}).includes('"$slice"') &&
      withoutModified(embedded) === withoutModified(other),
  },
  {
    name: 'an update with two faults',
    server: 'any',
    reason: 'one of them is told: which is up to the order in which a server goes through the operators',
    applies: (operation, embedded, other) => {
      const change = 'update' in operation ? operation.set : modifiersOf(operation);
      const paths = Object.values(change).flatMap((by) => Object.keys(by ?? {}));
      return paths.length > 1 && refusals.has(embedded) && refusals.has(other);
    },
  },
];

/** What the sequences leave out, since the servers store different things after it. No code of the service does it. */
export const leftOut: readonly Pick<Difference, 'name' | 'reason'>[] = [
  {
    name: 'a limit, a skip or a single write without an order or an _id',
    reason: 'which document is meant is up to the server',
  },
  {
    name: 'an updateMany that a document can refuse',
    reason: 'MongoDB has changed some by then, in an order of its own; FerretDB has changed none',
  },
  {
    name: 'an upsert by anything but values, one of them _id',
    reason: 'servers make up an _id, and FerretDB takes $in of one value for the value only sometimes',
  },
  {
    name: '$setOnInsert of what another operator changes',
    reason: 'MongoDB refuses it; FerretDB forgets the operator where it does not insert',
  },
  {
    name: '$push and $addToSet that make an empty array ($each of nothing, $slice 0)',
    reason: 'MongoDB stores the array, FerretDB leaves it out',
  },
  {
    name: "a replacement with the old document's _id as another type of number",
    reason: 'the embedded server stores it, FerretDB keeps the old one',
  },
  { name: '$inc of a boolean', reason: 'MongoDB refuses it, FerretDB takes true for 1' },
  {
    name: 'the order of members',
    reason: 'MongoDB adds new members by name, FerretDB in the order of the update',
  },
];

function modifiersOf(operation: Operation): Fields {
  const update = 'findAndModify' in operation ? operation.options['update'] : undefined;
  return typeof update === 'object' && update !== null ? { ...update } : {};
}

function incrementsByZero({ $inc }: Fields): boolean {
  return typeof $inc === 'object' && $inc !== null && Object.values($inc).some((by) => Number(by) === 0);
}

function withoutModified(outcome: Outcome): Outcome {
  return outcome.replace(/"nModified":\{"\$numberInt":"\d+"\}/, '');
}
