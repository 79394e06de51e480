import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../gen/protobuf-es/google/api/annotations_pb.js';
import { readBinary, readJson } from '../rpc/decode/decode.js';
import { errorTable, ServiceError } from '../rpc/errors.js';
import type { AnyRpc } from '../rpc/rpc.js';
import { answer, errorHeaders } from './answer.js';
import { declaresNoBody, mediaTypeOf } from './body.js';
import type { Endpoint, Exchange, Format } from './endpoint.js';
import { publicJson } from './public-json.js';

const EMPTY = new Uint8Array(0);

/**
 * The public paths: RPCs transcoded to HTTP/JSON by their google.api.http options. Static paths with the whole
 * message as body, or none (docs/adr/0001).
 *
 * @throws Error at start when an option asks for more than that
 */
export function restEndpoints(rpcs: readonly AnyRpc[]): Endpoint[] {
  return rpcs.flatMap((rpc) => {
    const rule = httpRule(rpc.method);
    return rule ? [{ ...rule, ...restEndpoint(rpc, rule.hasBody) }] : [];
  });
}

function restEndpoint(rpc: AnyRpc, hasBody: boolean): Pick<Endpoint, 'rpc' | 'accept' | 'refuse'> {
  const { input, output } = rpc.method;
  const format: Format = {
    mediaType: 'application/json',
    // No body is an empty message, so that a request without members needs no `{}`.
    read: (body) => (body?.length ? readJson(input, body) : readBinary(input, EMPTY)),
    write: publicJson(output),
  };

  return {
    rpc,
    refuse: refuseRest,
    accept(request, call) {
      if (hasBody && !declaresNoBody(request) && mediaTypeOf(request) !== format.mediaType) {
        throw new ServiceError('unsupported_media_type', 'Content-Type must be application/json.');
      }
      return { call, format };
    },
  };
}

/** Answers a refusal: `{"error", "message", "details"}`. */
export function refuseRest(exchange: Exchange, error: ServiceError): void {
  answer(
    exchange,
    errorTable[error.code].http,
    'application/json',
    Buffer.from(publicRefusal(error)),
    errorHeaders(exchange.request, error),
  );
}

/** The body of a refusal on the public paths. It has all violations, however many. */
export function publicRefusal({ code, message, details }: ServiceError): string {
  return JSON.stringify({ error: code, message, details });
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
