import type { ServerKind } from '@chatsessions/test-harness';
import type { Operation } from './operations.js';
import { type Outcome, show } from './run.js';

/** A known difference between the servers that changes nothing of what is stored. */
export interface Difference {
  readonly name: string;
  /** The server that differs from MongoDB; `any` where MongoDB's own answer is one of several. */
  readonly server: ServerKind | 'any';
  readonly reason: string;
  readonly applies: (operation: Operation, embedded: Outcome, other: Outcome) => boolean;
}

const code = (n: number): Outcome => show({ code: n });

/** All that may differ. Anything else fails the test. */
export const differences: readonly Difference[] = [
  {
    name: 'a unique index over duplicates',
    server: 'ferretdb',
    reason: "its createIndexes passes PostgreSQL's own error on (code 1), where MongoDB says 11000",
    applies: (operation, embedded, other) =>
      'createIndex' in operation && embedded === code(11000) && other === code(1),
  },
];

/** What the sequences leave out, since the servers store different things after it. The service does none of it. */
export const leftOut: readonly Pick<Difference, 'name' | 'reason'>[] = [
  { name: 'a limit without an order', reason: 'which documents it lets through is up to the server' },
  {
    name: "a replacement with the old document's _id as another type of number",
    reason: 'the embedded server stores it, FerretDB keeps the old one',
  },
];
