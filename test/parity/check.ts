import type { DescMessage } from '@bufbuild/protobuf';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import * as assert from 'uvu/assert';
import { shapeFaults } from '../../src/rpc/decode/invalid-input.js';
import { type ErrorCode, errorTable, GrpcStatus } from '../../src/rpc/errors.js';
import { reasonOf } from '../harness/error-details.js';
import type { Answer } from './answer.js';
import type { ChatExpectation, EngineExpectation, RowTransport, Step } from './case.js';
import { rpcOf } from './rpcs.js';
import { aligned, memberAt } from './values.js';

/** The refusals that Connect leaves to HTTP: https://connectrpc.com/docs/protocol#http-to-error-code */
const PLAIN_HTTP: ReadonlySet<string> = new Set(['method_not_allowed', 'unsupported_media_type']);

/** A step with what each surface must answer written out: see `answer` in case.ts. */
export function expected(step: Step): Step {
  if (step.chat || step.engine) return step;
  const { error, ...rest } = step.answer ?? {};
  if (error === undefined) {
    return { ...step, chat: { status: 200, ...rest }, engine: { code: 'OK', ...rest } };
  }
  const { http, grpc } = errorTable[error];
  const reason = error === 'validation_failed' ? 'invalid_input' : error;
  return {
    ...step,
    chat: { status: http, error, ...rest },
    engine: { code: nameOf(grpc), reason, ...rest },
  };
}

/** Holds an answer against what its step expects. */
export function check(transport: RowTransport, step: Step, answer: Answer): void {
  if (transport === 'gRPC') checkEngine(step.engine ?? { code: 'OK' }, answer, step);
  else checkChat(transport, step, answer);
}

function checkChat(transport: RowTransport, step: Step, answer: Answer): void {
  const expectation: ChatExpectation = step.chat ?? {};
  const context = `answered ${answer.status} ${answer.raw}`;
  const errors = [expectation.error ?? []].flat();
  const statuses = [expectation.status ?? 200].flat();
  if (transport === 'public path') {
    assert.ok(statuses.includes(answer.status ?? 0), context);
    if (answer.reason !== undefined)
      assert.is(answer.status, errorTable[toCode(answer.reason)].http, context);
  } else if (answer.reason === undefined) {
    // A preflight is answered as on any path; all else that is well is 200 on Connect.
    assert.is(answer.status, statuses.includes(204) ? 204 : 200, context);
  } else {
    const { grpc, http } = errorTable[toCode(answer.reason)];
    const isPlainHttp = PLAIN_HTTP.has(answer.reason);
    assert.is(answer.status, isPlainHttp ? http : codeToHttpStatus(grpc), context);
    assert.is(answer.code, isPlainHttp ? 'UNKNOWN' : nameOf(grpc), context);
    assert.is(answer.httpStatus, String(http), context);
  }
  if (errors.length === 0) assert.is(answer.reason, undefined, context);
  else assert.ok(errors.includes(answer.reason ?? ''), context);
  checkContent(
    transport === 'public path' ? expectation : { ...expectation, ...inReasons(expectation) },
    answer,
  );
  checkHeaders({ ...headersOf(answer, step), ...expectation.headers }, answer, context);
}

function checkEngine(expectation: EngineExpectation, answer: Answer, { chat, rpc }: Step): void {
  const { code, reason, violations } = expectation;
  assert.is(answer.code, code, answer.raw);
  assert.is(answer.reason, reason, answer.raw);
  if (answer.reason !== undefined) {
    assert.is(answer.httpStatus, String(httpStatusOf(answer.reason, answer)), answer.raw);
    if (reason === 'invalid_input' && chat?.error === 'validation_failed')
      assert.is(answer.httpStatus, '422');
  }
  // What the widget may do does not depend on who asks.
  const body = expectation.body ?? (expectation.code === 'OK' ? chat?.body : undefined);
  const inProto = violations && { violations: violations.map((path) => protoPathOf(path, rpc)) };
  checkContent({ ...expectation, ...inReasons(expectation), ...inProto, body }, answer);
}

/** Faults of the shape, as gRPC names them. */
const SHAPE: ReadonlySet<string> = new Set(Object.keys(shapeFaults).map(reasonOf));

/** The HTTP status of a code. On gRPC `invalid_input` is also the code of broken rules, which are 422. */
function httpStatusOf(reason: string, { rules = [] }: Answer): number {
  const isRule = reason === 'invalid_input' && rules.some((rule) => !SHAPE.has(rule));
  return errorTable[isRule ? 'validation_failed' : toCode(reason)].http;
}

/** The rules of an expectation as Connect and gRPC have them. */
function inReasons({ rules }: ChatExpectation | EngineExpectation) {
  return rules && { rules: rules.map(reasonOf) };
}

/** A field path as the proto file spells it. */
function protoPathOf(path: string, rpc: string | undefined): string {
  return protoPathIn(path, rpcOf(rpc).input);
}

function protoPathIn(path: string, message: DescMessage): string {
  const [jsonName = '', name = ''] = /^([^.[]*)(?:\[\d+\])?/.exec(path) ?? [];
  const field = message.fields.find((candidate) => candidate.jsonName === name);
  const spelt = `${field?.name ?? name}${jsonName.slice(name.length)}`;
  const rest = path.slice(jsonName.length);
  const isData = !field?.message || field.message.typeName.startsWith('google.');
  return isData || !rest.startsWith('.')
    ? spelt + rest
    : `${spelt}.${protoPathIn(rest.slice(1), field.message)}`;
}

function checkContent(expectation: Omit<EngineExpectation, 'code'>, answer: Answer): void {
  const { violations, rules, details = {}, body, members = {} } = expectation;
  if (violations) assert.equal(distinct(answer.violations), distinct(violations), answer.raw);
  if (rules) assert.equal(distinct(answer.rules), distinct(rules), answer.raw);
  for (const [name, value] of Object.entries({ cause: undefined, ...details })) {
    assert.is(answer.details?.[name], value, `details.${name} of ${answer.raw}`);
  }
  if (body !== undefined) assert.equal(aligned(answer.body, body), body);
  for (const [path, value] of Object.entries(members)) {
    assert.equal(aligned(memberAt(answer.body, path) ?? null, value), value, `${path} of ${answer.raw}`);
  }
}

/** What all answers of the gateway have in common: sessions are kept by nobody, and RFC 6750, section 3. */
function headersOf({ status, reason }: Answer, step: Step): Record<string, string | null> {
  return {
    ...(status !== 204 && { 'cache-control': 'no-store' }),
    'www-authenticate': reason === 'invalid_session_token' || status === 401 ? challengeTo(step) : null,
  };
}

/** RFC 6750, section 3: a challenge names an error only when there were credentials. */
function challengeTo({ session, headers = {} }: Step): string {
  const bearer = typeof session === 'string' ? `Bearer ${session}` : undefined;
  const [sent = ''] = [headers['authorization'] ?? bearer ?? ''].flat();
  return /^Bearer +\S/.test(sent) ? 'Bearer error="invalid_token"' : 'Bearer realm="chatsessions"';
}

function checkHeaders(
  headers: Readonly<Record<string, string | null>>,
  answer: Answer,
  context: string,
): void {
  for (const [name, value] of Object.entries(headers)) {
    assert.is(answer.headers[name] ?? null, value, `header ${name} of ${context}`);
  }
}

function distinct(texts: readonly string[] = []): string[] {
  return [...new Set(texts)].sort();
}

function toCode(reason: string): ErrorCode {
  if (!Object.hasOwn(errorTable, reason)) throw new Error(`${reason} is not in the error table`);
  return reason as ErrorCode;
}

function nameOf(status: number): string {
  return Object.entries(GrpcStatus).find(([, number]) => number === status)?.[0] ?? String(status);
}
