import { randomUUID } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { Case, CaseFile, RowTransport, Step } from './case.js';
import { check, expected } from './check.js';
import { forge } from './forge.js';
import { rpcOf } from './rpcs.js';
import { type Answer, connectGet, type Target, type Transport, transports } from './transports.js';
import { fill, memberAt, save, type Values } from './values.js';

/** The service that rows are sent to, and its clock. */
export interface RowTarget extends Target {
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Moves the clock forward, in seconds. */
  readonly advance: (seconds: number) => void;
}

/** The RPCs that take a session token beside their request. */
const TAKES_SESSION = new Set(['GetSession', 'RefreshSession', 'EndSession']);
const OPENED = { session: 'sessionToken', conversation: 'conversationId', expiresAt: 'expiresAt' };
const TRANSPORTS: Readonly<Record<RowTransport, Transport>> = { ...transports, 'Connect GET': connectGet };
const ALL = Object.keys(TRANSPORTS) as RowTransport[];

/** The steps of a row, each with what the table says of all of them. */
export function stepsOf(row: Case, table: CaseFile): Step[] {
  const steps: Step[] = [row, ...(row.then ?? [])].map((step) => ({
    ...(table.rpc !== undefined && { rpc: table.rpc }),
    ...step,
  }));
  if (table.open && row.open !== null) {
    const request = { ...table.open.request, ...row.open?.request };
    steps.unshift({ ...table.open, ...row.open, rpc: 'OpenSession', request, save: OPENED });
  }
  return steps.map((step) => {
    const { origin = table.origin, over = rpcOf(step.rpc).rule ? undefined : 'gRPC' } = step;
    const isSession = TAKES_SESSION.has(step.rpc ?? '');
    const session = step.forge ? '$forged' : '$session';
    return expected({
      ...(isSession && { session }),
      ...step,
      ...(origin !== undefined && { origin }),
      ...(over !== undefined && { over }),
    });
  });
}

/** The transports that a row goes over: those that carry all of its steps. */
export function transportsOf(row: Case, table: CaseFile): readonly RowTransport[] {
  const only = row.over ?? table.over;
  const nowhere = { httpUrl: '', grpcTarget: '' };
  const steps = stepsOf(row, table);
  return (only === undefined ? ALL : [only]).filter(
    (name) =>
      steps.every((step) => TRANSPORTS[overOf(step, name)](nowhere, step) !== undefined) &&
      (name !== 'Connect GET' || steps.some((step) => overOf(step, name) === name)),
  );
}

/** What a step of a row goes over. */
function overOf({ over, rpc }: Step, ofRow: RowTransport): RowTransport {
  return over ?? (ofRow === 'Connect GET' && !rpcOf(rpc).isRead ? 'Connect JSON' : ofRow);
}

/** Sends the steps of a row over a transport, one after the other, and checks each answer. */
export async function playRow(
  row: Case,
  table: CaseFile,
  name: RowTransport,
  target: RowTarget,
): Promise<void> {
  const values: Values = {
    start: target.now(),
    saved: new Map<string, unknown>([['idempotencyKey', randomUUID()]]),
  };
  let first: Answer | undefined;
  for (const unfilled of stepsOf(row, table)) {
    target.advance(unfilled.after ?? 0);
    if (unfilled.forge) {
      const token = String(values.saved.get('session'));
      values.saved.set('forged', forge(token, fill(unfilled.forge, values)));
    }
    const step = fill(unfilled, values);
    const over = overOf(step, name);
    const answer = await TRANSPORTS[over](target, step)?.();
    if (!answer) throw new Error(`${over} cannot carry a step of this row`);
    check(over, step, answer);
    if (step.save) save(step.save, answer.body, values);
    first ??= answer;
    if (step.sameSession === true) assert.equal(answer.body, first.body);
    if (step.sameSession === false) assert.is.not(conversationOf(answer), conversationOf(first));
  }
}

function conversationOf({ body }: Answer): unknown {
  return memberAt(body, 'conversationId');
}
