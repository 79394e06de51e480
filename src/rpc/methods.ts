import type { DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ChatSessionsService } from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';

/** Every RPC by its name, as protobuf-es describes it. */
export const methods = ChatSessions.method;
/** Every RPC by its name, as ts-proto describes it. */
export const codecs = ChatSessionsService;

type Methods = typeof methods;
type Codecs = typeof codecs;

/** The name of an RPC. */
export type RpcName = keyof Methods & keyof Codecs;
/** The name of an RPC with one answer. */
export type UnaryName = { [N in RpcName]: Methods[N] extends DescMethodUnary ? N : never }[RpcName];
/** The name of an RPC that answers a stream. */
export type StreamName = {
  [N in RpcName]: Methods[N] extends DescMethodServerStreaming ? N : never;
}[RpcName];

/** The request of an RPC, as its handler gets it (ts-proto). */
export type RequestOf<N extends RpcName> = ReturnType<Codecs[N]['requestDeserialize']>;
/** The answer of an RPC, or one of its answers, as its handler gives it (ts-proto). */
export type ResponseOf<N extends RpcName> = ReturnType<Codecs[N]['responseDeserialize']>;
/** The descriptor of an RPC's request (protobuf-es). */
export type InputOf<N extends RpcName> = Methods[N]['input'];
