import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { ServerCredentials } from '@grpc/grpc-js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type EndCustomerSessionsRequest,
  type EndCustomerSessionsResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { GrpcBounds } from '../../src/grpc/bounds.js';
import { createGrpcServer } from '../../src/grpc/grpc-server.js';
import { createCallLog, type EarlyRefusal } from '../../src/rpc/call-log.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';
import { grpcErrorDetails } from '../harness/error-details.js';

/** The path of the rig's one RPC. */
export const PATH = ChatSessionsService.endCustomerSessions.path;

/** A server with one unary RPC, and what it logged. */
export interface Rig {
  readonly port: number;
  readonly refusals: readonly EarlyRefusal[];
  /** The errors that were logged because no caller can be told of them. */
  readonly failures: readonly unknown[];
  /** How many calls reached the handler. */
  readonly handled: () => number;
  readonly connect: (settings?: { initialWindowSize: number }) => ClientHttp2Session;
  readonly close: () => Promise<void>;
}

/** What a rig may do differently. */
export interface RigOptions {
  /** Answers a call; revision 1 unless given. */
  readonly handle?: () => Promise<EndCustomerSessionsResponse>;
  readonly credentials?: ServerCredentials;
  /** The descriptors for reflection; none unless given. */
  readonly descriptors?: readonly Buffer[];
}

/** Starts a server. */
export async function startRig(
  bounds: Partial<GrpcBounds> = {},
  {
    handle = async () => ({ endedCount: 1, complete: true }),
    credentials = ServerCredentials.createInsecure(),
    descriptors,
  }: RigOptions = {},
): Promise<Rig> {
  const failures: unknown[] = [];
  const refusals: EarlyRefusal[] = [];
  const sessions: ClientHttp2Session[] = [];
  let handled = 0;
  const server = createGrpcServer({
    rpcs: [
      defineRpc({
        method: ChatSessions.method.endCustomerSessions,
        codec: ChatSessionsService.endCustomerSessions,
        scope: 'write',
        rules: () => [],
        handle: (_request: EndCustomerSessionsRequest) => {
          handled += 1;
          return handle();
        },
      }),
    ],
    streamRpcs: [],
    pipeline: createPipeline({
      authenticate: () => undefined,
      maxCallMs: 60_000,
      callLog: createCallLog(createLog('silent'), () => performance.now()),
    }),
    newRequestId: () => 'request-of-ours',
    ...{ credentials, descriptors },
    callLog: { refusedEarly: (refusal) => refusals.push(refusal), failed: (error) => failures.push(error) },
    bounds: { sweepMs: 20, ...bounds },
  });
  const port = await server.listen('127.0.0.1', 0);
  return {
    port,
    refusals,
    failures,
    handled: () => handled,
    connect: (settings) => {
      const session = connect(`http://127.0.0.1:${port}`, settings && { settings });
      session.on('error', () => {});
      sessions.push(session);
      return session;
    },
    async close() {
      for (const session of sessions) session.destroy();
      await server.close(1_000);
    },
  };
}

/** A gRPC message with its prefix. */
export function message(body: Buffer, flag = 0, declaredBytes = body.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(declaredBytes, 1);
  return Buffer.concat([prefix, body]);
}

/** A request that the RPC accepts. */
export const REQUEST: EndCustomerSessionsRequest = {
  tenant: 'acme',
  customerId: 'c',
};
/** It as a gRPC message. */
export const REQUEST_MESSAGE = message(
  Buffer.from(ChatSessionsService.endCustomerSessions.requestSerialize(REQUEST)),
);

/** Resolves with the usual answer after `ms`. */
export async function answerAfter(ms: number): Promise<EndCustomerSessionsResponse> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { endedCount: 1, complete: true };
}

/** How a call ended: its status, if it was told one, and the code that its stream was closed with. */
export interface Ending {
  readonly status: string | undefined;
  readonly reason: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly rstCode: number | undefined;
}

/** Makes a call by hand: sends `parts` one after the other, and ends it unless told not to. Resolves when it is closed. */
export async function callByHand(
  session: ClientHttp2Session,
  parts: readonly Buffer[],
  {
    headers = {},
    end = true,
    reads = true,
  }: { headers?: Record<string, string>; end?: boolean; reads?: boolean } = {},
): Promise<Ending> {
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let seen: IncomingHttpHeaders = {};
  const note = (more: IncomingHttpHeaders) => {
    seen = { ...seen, ...more };
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('error', () => {});
  if (reads) stream.resume();
  for (const part of parts) stream.write(part);
  if (end) stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return {
    status: text(seen['grpc-status']),
    reason: grpcErrorDetails(seen['grpc-status-details-bin']).reason,
    acceptEncoding: text(seen['grpc-accept-encoding']),
    rstCode: stream.rstCode,
  };
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
