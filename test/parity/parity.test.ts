import { randomUUID } from 'node:crypto';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import * as assert from 'uvu/assert';
import { type ErrorCode, errorTable, GrpcStatus } from '../../src/rpc/errors.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { suite } from '../harness/suite.js';
import { type Case, type ChatExpectation, type EngineExpectation, readCases, type Step } from './case.js';
import { type Answer, transports } from './transports.js';

const TABLES = ['open-session', 'open-session-wire', 'open-session-retries', 'engine-authentication'];

for (const table of TABLES) {
  const { cases, env } = readCases(table);
  const test = suite(`parity: ${table}`);
  const counts = new Map<string, number>();
  let service: TestApp;
  let elapsed = 0;

  test.before(async () => {
    service = await startTestApp({ ...(env && { env }), now: () => Date.now() + elapsed });
  });
  test.after(async () => {
    await service.close();
    process.stdout.write(`rows by transport: ${[...counts].map(([name, n]) => `${name} ${n}`).join(', ')}\n`);
  });

  for (const row of cases) {
    for (const [name, transport] of Object.entries(transports)) {
      if (!carries(transport, row)) continue;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      test(`${row.name} [${name}]`, async () => {
        const idempotencyKey = randomUUID();
        let first: Answer | undefined;
        for (const step of [row, ...(row.then ?? [])]) {
          elapsed += (step.after ?? 0) * 1000;
          const send = transport(service, withKey(step, idempotencyKey));
          if (!send) throw new Error('a step that this transport cannot carry');
          const answer = await send();
          check(name, step, answer);
          first ??= answer;
          if (step.sameSession === true) assert.equal(answer.body, first.body);
          if (step.sameSession === false) assert.is.not(conversationOf(answer), conversationOf(first));
        }
      });
    }
  }
}

/** Whether all steps of a row can go over a transport; what they carry does not depend on a running service. */
function carries(transport: (typeof transports)[keyof typeof transports], row: Case): boolean {
  const nowhere = { httpUrl: '', grpcTarget: '' } as TestApp;
  return [row, ...(row.then ?? [])].every((step) => transport(nowhere, step) !== undefined);
}

function withKey(step: Step, key: string): Step {
  if (!step.headers) return step;
  const headers = Object.entries(step.headers).map(([name, value]) => [
    name,
    value.replace('$idempotencyKey', key),
  ]);
  return { ...step, headers: Object.fromEntries(headers) };
}

function check(transport: string, step: Step, answer: Answer): void {
  if (transport === 'gRPC') checkEngine(step.engine ?? { code: 'OK' }, answer, step);
  else checkChat(transport, step.chat ?? {}, answer);
}

function checkChat(transport: string, expected: ChatExpectation, answer: Answer): void {
  const context = `answered ${answer.status} ${answer.raw}`;
  const errors = [expected.error ?? []].flat();
  const statuses = [expected.status ?? 200].flat();
  if (transport === 'public path') {
    assert.ok(statuses.includes(answer.status ?? 0), context);
    if (answer.reason !== undefined)
      assert.is(answer.status, errorTable[toCode(answer.reason)].http, context);
  } else if (answer.reason === undefined) {
    assert.is(answer.status, 200, context);
  } else {
    const { grpc, http } = errorTable[toCode(answer.reason)];
    const fixedByProtocol = [405, 415].includes(http);
    assert.is(answer.status, fixedByProtocol ? http : codeToHttpStatus(grpc), context);
    assert.is(answer.code, nameOf(grpc), context);
    assert.is(answer.httpStatus, String(http), context);
  }
  if (errors.length === 0) assert.is(answer.reason, undefined, context);
  else assert.ok(errors.includes(answer.reason ?? ''), context);
  checkViolations(expected.violations, answer);
  if (expected.body !== undefined) assert.equal(withPlaceholders(answer.body), expected.body);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    assert.is(answer.headers[name] ?? null, value, `header ${name} of ${context}`);
  }
}

function checkEngine(expected: EngineExpectation, answer: Answer, { chat }: Step): void {
  assert.is(answer.code, expected.code, answer.raw);
  assert.is(answer.reason, expected.reason, answer.raw);
  checkViolations(expected.violations, answer);
  // What the widget may do does not depend on who asks.
  if (expected.code === 'OK' && chat?.body !== undefined)
    assert.equal(withPlaceholders(answer.body), chat.body);
}

function checkViolations(expected: readonly string[] | undefined, answer: Answer): void {
  if (expected) assert.equal([...new Set(answer.violations ?? [])].sort(), [...expected].sort(), answer.raw);
}

function toCode(reason: string): ErrorCode {
  if (!Object.hasOwn(errorTable, reason)) throw new Error(`${reason} is not in the error table`);
  return reason as ErrorCode;
}

function nameOf(status: number): string | undefined {
  return Object.entries(GrpcStatus).find(([, number]) => number === status)?.[0];
}

function conversationOf(answer: Answer): unknown {
  return typeof answer.body === 'object' && answer.body !== null && 'conversationId' in answer.body
    ? answer.body.conversationId
    : undefined;
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^[\w-]+\.[\w-]+\.[\w-]+$/, '$token'],
  [/^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, '$uuid'],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '$datetime'],
];

/** The answer with its changing values replaced by the names of their kinds. */
function withPlaceholders(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const members = Object.entries(body).map(([name, value]) => {
    const changing = name === 'sessionToken' || name === 'conversationId' || name === 'expiresAt';
    const kind = changing ? KINDS.find(([pattern]) => pattern.test(String(value)))?.[1] : undefined;
    return [name, kind ?? value];
  });
  return Object.fromEntries(members);
}
