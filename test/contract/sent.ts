import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Document } from 'mongodb';
import { repoFile } from '../harness/repo-file.js';

/** What was sent of one command to one collection: `member operator` for its filters, and its options. */
interface Row {
  readonly conditions: ReadonlySet<string>;
  readonly options: ReadonlySet<string>;
}

/** What is sent, by `command collection`. */
export type Sent = ReadonlyMap<string, Row>;

/** What the driver sends by itself, to know its server and to clean up. */
const DRIVERS_OWN: ReadonlySet<string> = new Set(['hello', 'ismaster', 'endSessions', 'killCursors']);
/** What every command may carry; `sentBy` checks the values. */
const GENERIC: ReadonlySet<string> = new Set(['lsid', '$db', 'readConcern', 'writeConcern']);
const HEADING = '### What the service sends';

/** Sums up the commands that the service has sent. Throws for one that writes in another way than the rule says. */
export function sentBy(commands: readonly Document[]): Sent {
  const sent = new Map<string, { conditions: Set<string>; options: Set<string> }>();
  for (const command of commands) {
    const [name = ''] = Object.keys(command);
    if (DRIVERS_OWN.has(name)) continue;
    const collection = name === 'getMore' ? command['collection'] : command[name];
    const key = typeof collection === 'string' ? `${name} ${collection}` : name;
    const row = sent.get(key) ?? { conditions: new Set(), options: new Set() };
    sent.set(key, row);
    checkConcerns(name, command);
    for (const option of Object.keys(command)) {
      if (option !== name && !GENERIC.has(option) && !STATEMENTS.has(option)) row.options.add(option);
    }
    for (const condition of conditionsOf(command['filter'] ?? {})) row.conditions.add(condition);
    for (const { q, u, ...options } of [...(command['updates'] ?? []), ...(command['deletes'] ?? [])]) {
      if (u !== undefined) checkReplacement(String(collection), q, u);
      for (const condition of conditionsOf(q)) row.conditions.add(condition);
      for (const option of Object.keys(options)) row.options.add(option);
    }
    for (const { key: fields, name: _, ...options } of command['indexes'] ?? []) {
      for (const field of fields.keys?.() ?? Object.keys(fields)) row.conditions.add(`${field} index`);
      for (const option of Object.keys(options)) row.options.add(option);
    }
  }
  return sent;
}

const STATEMENTS: ReadonlySet<string> = new Set([
  'filter',
  'updates',
  'deletes',
  'documents',
  'indexes',
  'collection',
]);

/** Everything is read from, and written to, a majority. */
function checkConcerns(name: string, { readConcern, writeConcern }: Document): void {
  const isRead = readConcern === undefined || isDeepStrictEqual(readConcern, { level: 'majority' });
  const isWritten = writeConcern === undefined || isDeepStrictEqual(writeConcern, { w: 'majority' });
  if (!isRead || !isWritten) throw new Error(`${name} asks for another concern`);
}

/** An update replaces one document, found by its `_id` and the revision that it was read with. */
function checkReplacement(collection: string, q: Document, u: Document): void {
  const fault = (text: string) =>
    new Error(`an update of ${collection} ${text}: ${JSON.stringify({ q, u })}`);
  if (Object.keys(u).some((name) => name.startsWith('$'))) throw fault('has an operator');
  const members = new Set(conditionsOf(q).map((condition) => condition.split(' ')[0]));
  if (!members.has('_id')) throw fault('names no _id');
  const guard = collection === 'identity_secrets' ? 'generation' : 'revision';
  if (!members.has(guard)) throw fault(`names no ${guard}`);
}

function conditionsOf(filter: Document): string[] {
  return Object.entries(filter).flatMap(([name, value]) => {
    if (name === '$or') return ['$or', ...value.flatMap(conditionsOf)];
    return operatorsOf(value).map((operator) => `${name} ${operator}`);
  });
}

function operatorsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return ['='];
  return Object.entries(value).flatMap(([operator, operand]) =>
    operator === '$not' ? operatorsOf(operand).map((inner) => `$not ${inner}`) : [operator],
  );
}

/** The rows of the table in docs/storage.md, in the order of their text. */
export function documentedRows(): string[] {
  const text = readFileSync(repoFile('docs/storage.md'), 'utf8');
  const section = text.slice(text.indexOf(HEADING)).split(/\n#{2,3} /, 2)[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .sort();
}

/** What was sent, as rows of that table. */
export function rowsOf(sent: Sent): string[] {
  return [...sent]
    .map(([key, { conditions, options }]) => {
      const [command, collection] = key.split(' ');
      const cells = [collection ? [collection] : [], [...conditions].sort(), [...options].sort()].map(
        (cell) => cell.map((item) => `\`${item}\``).join(', '),
      );
      return `| \`${command}\` | ${cells.join(' | ')} |`;
    })
    .sort();
}

/** Fails when something was sent that the table in docs/storage.md does not have. */
export function assertDocumented(sent: Sent): void {
  const documented = new Map(
    documentedRows().map((row) => {
      const [command = '', collection = '', ...cells] = row.split('|').slice(1, -1);
      const key = `${command}${collection}`.replaceAll('`', '').trim().replace(/ +/g, ' ');
      return [
        key,
        new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, item]) => item))),
      ];
    }),
  );
  for (const [key, { conditions, options }] of sent) {
    const known = documented.get(key);
    const extra = [...conditions, ...options].filter((item) => !known?.has(item));
    if (!known || extra.length > 0) throw new Error(`not in docs/storage.md: ${key}: ${extra.join(', ')}`);
  }
}
