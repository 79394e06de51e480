import type { DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { Catalog } from '../gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { CatalogService } from '../gen/ts-proto/chatsessions/v1/catalog.js';
import { ChatSessionsService } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';

/** The protobuf-es descriptor of each RPC, by its name. */
export const methods = { ...ChatSessions.method, ...Catalog.method };
/** The ts-proto codec of each RPC, by its name. A name that the two generators spell differently is a compile error. */
export const codecs = { ...ChatSessionsService, ...CatalogService } satisfies Readonly<
  Record<keyof typeof methods, object>
>;

type Methods = typeof methods;
type Codecs = typeof codecs;

/** The name of an RPC. */
export type RpcName = keyof Methods;
/** The name of a unary RPC. */
export type UnaryName = { [N in RpcName]: Methods[N] extends DescMethodUnary ? N : never }[RpcName];
/** The name of a server-streaming RPC. */
export type StreamName = {
  [N in RpcName]: Methods[N] extends DescMethodServerStreaming ? N : never;
}[RpcName];

/** The request type of an RPC's handler (ts-proto). */
export type RequestOf<N extends RpcName> = ReturnType<Codecs[N]['requestDeserialize']>;
/** The type of an answer of an RPC's handler (ts-proto); of a stream, the type of each message. */
export type ResponseOf<N extends RpcName> = ReturnType<Codecs[N]['responseDeserialize']>;
/** The descriptor of an RPC's request (protobuf-es). */
export type InputOf<N extends RpcName> = Methods[N]['input'];
