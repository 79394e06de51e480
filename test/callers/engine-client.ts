import { create, fromBinary, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  Client,
  credentials,
  status as grpcStatus,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { Catalog } from '../../src/gen/protobuf-es/chatsessions/v1/catalog_pb.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { grpcErrorDetails } from '../harness/error-details.js';

/** What gRPC answered: of a stream, its first message. */
export interface EngineAnswer {
  /** As in `PERMISSION_DENIED`. */
  readonly code: string;
  /** The code of the error table. */
  readonly reason: string | undefined;
  readonly message: string;
  /** The members of the answer; none when it was refused. */
  readonly response: Readonly<Record<string, unknown>>;
}

/** Calls any RPC of the service over gRPC. */
export interface EngineClient {
  call(rpc: string, request: object, metadata?: Readonly<Record<string, string>>): Promise<EngineAnswer>;
  close(): void;
}

/** A client that knows no rule of the service: what it sends is what it is given. */
export function engineClient(
  target: string,
  channel: ChannelCredentials = credentials.createInsecure(),
): EngineClient {
  // By name: Node 26 lets no TLS client ask for an address.
  const client = new Client(target, channel, { 'grpc.ssl_target_name_override': 'localhost' });
  return {
    close: () => client.close(),
    call(rpc, request, metadata = {}) {
      const method = [...ChatSessions.methods, ...Catalog.methods].find(({ name }) => name === rpc);
      if (method === undefined) throw new Error(`no RPC ${rpc}`);
      const { input, output, methodKind } = method;
      const sent = Buffer.from(
        toBinary(input, create(input, request as MessageInitShape<typeof input>) as Message),
      );
      const headers = new Metadata();
      for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
      const path = `/${method.parent.typeName}/${rpc}`;
      const asIs = (bytes: Buffer) => bytes;
      const options = { deadline: Date.now() + 5_000 };

      return new Promise((resolve) => {
        const answered = (bytes: Buffer) => {
          const { $typeName: _, ...response } = fromBinary(output, bytes);
          resolve({ code: 'OK', reason: undefined, message: '', response });
        };
        const refused = (error: ServiceError) => {
          resolve({
            code: grpcStatus[error.code],
            reason: reasonOf(error),
            message: error.details,
            response: {},
          });
        };
        if (methodKind === 'unary') {
          client.makeUnaryRequest(path, asIs, asIs, sent, headers, options, (error, bytes) =>
            error ? refused(error) : answered(bytes ?? Buffer.alloc(0)),
          );
        } else {
          const stream = client.makeServerStreamRequest(path, asIs, asIs, sent, headers, options);
          stream.on('data', (bytes: Buffer) => {
            answered(bytes);
            stream.cancel();
          });
          stream.on('end', () => answered(Buffer.alloc(0)));
          stream.on('error', refused);
        }
      });
    },
  };
}

function reasonOf(error: ServiceError): string | undefined {
  return grpcErrorDetails(error.metadata.get('grpc-status-details-bin')[0]).reason;
}
