import { create, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../gen/protobuf-es/google/api/annotations_pb.js';
import { readJson } from '../rpc/door.js';
import { errorTable, ServiceError } from '../rpc/errors.js';
import type { Invoke, Pipeline } from '../rpc/invoke.js';
import type { AnyRpc } from '../rpc/rpc.js';
import { answerJson, errorHeaders } from './answer.js';
import { mediaTypeOf, readBody } from './body.js';
import type { Endpoint, Exchange } from './endpoint.js';
import { publicJson } from './public-json.js';

/**
 * The public paths: RPCs transcoded to HTTP/JSON by their google.api.http options. Static paths with the whole
 * message as body, or none. They stand beside Connect's handler and not behind it: it can neither answer 422
 * nor send nulls (docs/adr/0001).
 *
 * @throws Error at start when an option asks for more than that
 */
export function restEndpoints(rpcs: readonly AnyRpc[], { invoke }: Pick<Pipeline, 'invoke'>): Endpoint[] {
  return rpcs.flatMap((rpc) => {
    const rule = httpRule(rpc.method);
    return rule ? [{ ...rule, serve: serveRest(rpc, rule.hasBody, invoke), refuse: refuseRest }] : [];
  });
}

function serveRest(rpc: AnyRpc, hasBody: boolean, invoke: Invoke): Endpoint['serve'] {
  const { input } = rpc.method;
  const toJson = publicJson(rpc.method.output);

  return async (exchange, call) => {
    const { request } = exchange;
    if (hasBody && mediaTypeOf(request) !== 'application/json') {
      throw new ServiceError('unsupported_media_type', 'Content-Type must be application/json.');
    }
    const body = hasBody ? await readBody(request) : undefined;
    const read = () => (body === undefined ? create(input) : readJson(input, body));
    answerJson(exchange, 200, toJson(await invoke(rpc, read, call)));
  };
}

/** Answers a refusal: `{"error", "message", "details"}`. */
export function refuseRest(exchange: Exchange, error: ServiceError): void {
  const { code, message, details } = error;
  const json = JSON.stringify({ error: code, message, details });
  answerJson(exchange, errorTable[code].http, Buffer.from(json), errorHeaders(error));
}

/** The HTTP method and path of an RPC; undefined when it has no public path. */
function httpRule(method: DescMethod): { method: string; path: string; hasBody: boolean } | undefined {
  if (!hasOption(method, http)) return undefined;
  const rule = getOption(method, http);
  const { case: verb, value: path } = rule.pattern;
  const supported =
    (verb === 'get' || verb === 'post' || verb === 'put' || verb === 'patch' || verb === 'delete') &&
    !/[{}*]/.test(path) &&
    (rule.body === '' || rule.body === '*') &&
    rule.responseBody === '' &&
    rule.additionalBindings.length === 0;
  if (!supported) {
    throw new Error(`${method}: only static paths with body "*" or none can be transcoded`);
  }
  return { method: verb.toUpperCase(), path, hasBody: rule.body === '*' };
}
