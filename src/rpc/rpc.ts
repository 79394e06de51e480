import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageShape,
} from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { AuthenticatedCall, Scope } from './call.js';
import type { Violation } from './errors.js';

/** One RPC, as both generators see it, with its rules. */
interface RpcBase<Request, Response, Input extends DescMessage> {
  /** ts-proto: the types that the handler speaks, with their wire codecs. */
  readonly codec: Pick<
    MethodDefinition<Request, Response>,
    'path' | 'requestDeserialize' | 'responseSerialize' | 'responseDeserialize'
  >;
  /** What an engine caller must be allowed to do. */
  readonly scope: Scope;
  /** The rules of the request: every one that is broken, in the order of the fields. */
  readonly rules: (message: MessageShape<Input>) => readonly Violation[];
}

/** An RPC with one answer. */
export interface Rpc<Request, Response, Input extends DescMessage = DescMessage>
  extends RpcBase<Request, Response, Input> {
  /** protobuf-es: strict decoding, JSON, HTTP options. */
  readonly method: DescMethodUnary<Input, DescMessage>;
  /**
   * The longest that a call may take, in ms, where that is longer than others may. Such a call is told when the process
   * stops; the others are answered before it does.
   */
  readonly maxCallMs?: number | undefined;
  readonly handle: (request: Request, call: AuthenticatedCall) => Promise<Response>;
}

/** An RPC that answers a stream. */
export interface StreamRpc<Request, Response, Input extends DescMessage = DescMessage>
  extends RpcBase<Request, Response, Input> {
  readonly method: DescMethodServerStreaming<Input, DescMessage>;
  /** Whether requests and answers have a `resumeToken`: then an error says where to go on from. */
  readonly isResumable?: boolean | undefined;
  /**
   * Makes the answers, each when the one before it is taken. When the stream ends from outside, `return` is called where
   * it waits for that; a handler that waits for something else looks at the call's `signal`.
   */
  readonly handle: (request: Request, call: AuthenticatedCall) => AsyncGenerator<Response, void, void>;
}

// biome-ignore-start lint/suspicious/noExplicitAny: edges serve RPCs whose message types they do not know.
/** Any {@link Rpc}. */
export type AnyRpc = Rpc<any, any, any>;
/** Any {@link StreamRpc}. */
export type AnyStreamRpc = StreamRpc<any, any, any>;
// biome-ignore-end lint/suspicious/noExplicitAny: edges serve RPCs whose message types they do not know.

/**
 * Joins what the two generators made of one RPC. They camelCase differently, so what joins them is the method
 * path.
 *
 * @throws Error when the two sides are not the same RPC: a mistake in the wiring.
 */
export function defineRpc<Request, Response, Input extends DescMessage>(rpc: Rpc<Request, Response, Input>) {
  return joined(rpc);
}

/** {@link defineRpc} for streams. */
export function defineStreamRpc<Request, Response, Input extends DescMessage>(
  rpc: StreamRpc<Request, Response, Input>,
) {
  return joined(rpc);
}

function joined<R extends AnyRpc | AnyStreamRpc>(rpc: R): R {
  const path = `/${rpc.method.parent.typeName}/${rpc.method.name}`;
  if (rpc.codec.path !== path) throw new Error(`${rpc.codec.path} is not ${path}`);
  return rpc;
}
