import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DescMethod,
  type DescMethodUnary,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import type { AuthenticatedCall } from '../../src/rpc/call.js';
import type { AnyRpc } from '../../src/rpc/rpc.js';
import { type Headers, messageOf, serviceOf, unaryRequestSchema } from './messages.js';
import { observed } from './observed-call.js';

/**
 * The RPCs that answer as their request asks. `Unimplemented` is left out, so that the gateway refuses it by itself.
 */
const SERVED: ReadonlySet<string> = new Set(['Unary', 'IdempotentUnary']);

/**
 * ConformanceService as the service's own pipeline runs it. Its handlers take and answer messages in their JSON form.
 */
export function conformanceRpcs(registry: FileRegistry): AnyRpc[] {
  return serviceOf(registry)
    .methods.filter(isUnary)
    .filter(({ name }) => SERVED.has(name))
    .map((method) => rpcOf(method, registry));
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function rpcOf(method: DescMethodUnary, registry: FileRegistry): AnyRpc {
  const { input, output, parent, name } = method;
  return {
    method,
    codec: {
      path: `/${parent.typeName}/${name}`,
      requestDeserialize: (bytes) => toJson(input, fromBinary(input, bytes), { registry }),
      responseSerialize: (json) => Buffer.from(toBinary(output, fromJson(output, json, { registry }))),
      responseDeserialize: (bytes) => toJson(output, fromBinary(output, bytes), { registry }),
    },
    scope: 'open',
    rules: () => [],
    handle: (request: JsonObject, call: AuthenticatedCall) =>
      unary(registry, { ...request, '@type': `type.googleapis.com/${input.typeName}` }, call),
  };
}

/** Answers what the request asks for. @throws ConnectError where it asks for an error */
async function unary(
  registry: FileRegistry,
  request: JsonObject,
  call: AuthenticatedCall,
): Promise<JsonValue> {
  const { responseDefinition } = unaryRequestSchema.parse(request);
  const { responseHeaders, responseTrailers, responseData, responseDelayMs, error } = responseDefinition;
  for (const [name, value] of pairs(responseHeaders)) call.addHeader?.(name, value);
  for (const [name, value] of pairs(responseTrailers)) call.addTrailer?.(name, value);
  await sleep(responseDelayMs);

  const requestInfo = { ...observed(call), requests: [request] };
  if (error === undefined) {
    return { payload: { requestInfo, ...(responseData !== undefined && { data: responseData }) } };
  }
  const info = {
    '@type': `type.googleapis.com/${messageOf(registry, 'ConformancePayload.RequestInfo').typeName}`,
  };
  throw new ConnectError(
    error.message,
    codeOf(error.code),
    undefined,
    [...error.details, { ...info, ...requestInfo }].map((detail) => unpack(registry, detail)),
  );
}

function* pairs(headers: Headers): Generator<readonly [string, string]> {
  for (const { name, value } of headers) for (const one of value) yield [name, one];
}

/** `CODE_NOT_FOUND` as Connect's library has it: `NotFound`. */
function codeOf(name: string): Code {
  const camel = name
    .slice('CODE_'.length)
    .toLowerCase()
    .replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  const code = Object.entries(Code).find(([key]) => key === camel)?.[1];
  if (typeof code !== 'number') throw new Error(`Connect has no code ${name}`);
  return code;
}

function unpack(registry: FileRegistry, json: JsonValue) {
  const value = anyUnpack(fromJson(AnySchema, json, { registry }), registry);
  const desc = value && registry.getMessage(value.$typeName);
  if (!value || !desc) throw new Error(`not a message of the conformance suite: ${JSON.stringify(json)}`);
  return { desc, value };
}
