import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { AuthenticatedCall } from './call.js';
import type { Violation } from './errors.js';

/** One RPC, as both generators see it, with its rules and its handler. */
export interface Rpc<Request, Response, Input extends DescMessage = DescMessage> {
  /** protobuf-es: strict decoding, JSON, HTTP options. */
  readonly method: DescMethodUnary<Input, DescMessage>;
  /** ts-proto: the types that the handler speaks, with their wire codecs. */
  readonly codec: Pick<
    MethodDefinition<Request, Response>,
    'path' | 'requestDeserialize' | 'responseSerialize'
  >;
  /** The rules of the request: every one that is broken, in the order of the fields. */
  readonly rules: (message: MessageShape<Input>) => readonly Violation[];
  readonly handle: (request: Request, call: AuthenticatedCall) => Promise<Response>;
}

// biome-ignore lint/suspicious/noExplicitAny: edges serve RPCs whose message types they do not know.
export type AnyRpc = Rpc<any, any, any>;

/**
 * Joins what the two generators made of one RPC. They camelCase differently, so what joins them is the method
 * path.
 *
 * @throws Error when the two sides are not the same RPC: a mistake in the wiring.
 */
export function defineRpc<Request, Response, Input extends DescMessage>(rpc: Rpc<Request, Response, Input>) {
  const path = `/${rpc.method.parent.typeName}/${rpc.method.name}`;
  if (rpc.codec.path !== path) throw new Error(`${rpc.codec.path} is not ${path}`);
  return rpc;
}
