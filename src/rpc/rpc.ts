import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageShape,
} from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { AuthenticatedCall, Scope } from './call.js';
import type { Violation } from './errors.js';
import type { Surface } from './surface.js';

/** What unary and streaming RPCs have in common. */
interface RpcBase<Request, Response, Input extends DescMessage> {
  /** ts-proto: the wire codecs of the handler's types. */
  readonly codec: Pick<
    MethodDefinition<Request, Response>,
    'path' | 'requestDeserialize' | 'responseSerialize' | 'responseDeserialize'
  >;
  /** The scope that an engine caller must have. */
  readonly scope: Scope;
  /** Finds all broken rules of the request, in field order. Some fields are for the engine surface only. */
  readonly rules: (message: MessageShape<Input>, surface: Surface) => readonly Violation[];
}

/** A unary RPC, as the edges and the pipeline need it. */
export interface Rpc<Request, Response, Input extends DescMessage = DescMessage>
  extends RpcBase<Request, Response, Input> {
  /** protobuf-es: strict decoding, JSON, HTTP options. */
  readonly method: DescMethodUnary<Input, DescMessage>;
  /**
   * The time limit of a call, in ms, for an RPC that needs longer than the pipeline's limit. Such a call is aborted
   * when the process stops; all other calls are answered first.
   */
  readonly maxCallMs?: number | undefined;
  /** The maximum size of a request, in bytes, for an RPC that needs more than MAX_REQUEST_BYTES. */
  readonly maxRequestBytes?: number | undefined;
  readonly handle: (request: Request, call: AuthenticatedCall) => Promise<Response>;
}

/** A server-streaming RPC. */
export interface StreamRpc<Request, Response, Input extends DescMessage = DescMessage>
  extends RpcBase<Request, Response, Input> {
  readonly method: DescMethodServerStreaming<Input, DescMessage>;
  /** Whether requests and answers have a `resumeToken`. If so, an error carries the token of the last answer taken. */
  readonly isResumable?: boolean | undefined;
  /**
   * Yields the answers; the generator is resumed when the last answer is taken. When the call is aborted at a `yield`,
   * its `return` is called; while it awaits anything else, it must watch the call's `signal`.
   */
  readonly handle: (request: Request, call: AuthenticatedCall) => AsyncGenerator<Response, void, void>;
}

// biome-ignore-start lint/suspicious/noExplicitAny: edges serve RPCs of all message types.
/** Any {@link Rpc}. */
export type AnyRpc = Rpc<any, any, any>;
/** Any {@link StreamRpc}. */
export type AnyStreamRpc = StreamRpc<any, any, any>;
// biome-ignore-end lint/suspicious/noExplicitAny: edges serve RPCs of all message types.

/**
 * Declares a unary RPC from the output of both generators. The generators camelCase names differently, so the method
 * path tells whether both sides belong together.
 *
 * @throws Error when the two sides are not the same RPC: a mistake in the wiring.
 */
export function defineRpc<Request, Response, Input extends DescMessage>(rpc: Rpc<Request, Response, Input>) {
  return requireSamePath(rpc);
}

/** {@link defineRpc} for server-streaming RPCs. */
export function defineStreamRpc<Request, Response, Input extends DescMessage>(
  rpc: StreamRpc<Request, Response, Input>,
) {
  return requireSamePath(rpc);
}

function requireSamePath<R extends AnyRpc | AnyStreamRpc>(rpc: R): R {
  const path = `/${rpc.method.parent.typeName}/${rpc.method.name}`;
  if (rpc.codec.path !== path) throw new Error(`${rpc.codec.path} is not ${path}`);
  return rpc;
}
