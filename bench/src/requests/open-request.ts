import { ChatSessionsService } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { GrpcRequest } from '../load/grpc.js';
import type { HttpRequest } from '../load/http.js';
import { openRequest } from './defaults.js';
import { VISIT } from './demo.js';

const { openSession } = ChatSessionsService;

/** The path of OpenSession on gRPC and Connect. */
export const OPEN_RPC_PATH = openSession.path;

/** The measured open on the public path. */
export const publicOpen: HttpRequest = {
  method: 'POST',
  path: '/api/public/v1/chat/sessions',
  headers: { 'Content-Type': 'application/json', Origin: 'http://localhost:3000' },
  body: JSON.stringify(VISIT),
};

/** The measured open over Connect. */
export const connectOpen: HttpRequest = { ...publicOpen, path: OPEN_RPC_PATH };

/** The measured open over gRPC. */
export const grpcOpen: GrpcRequest = {
  json: VISIT,
  bytes: openSession.requestSerialize(openRequest(VISIT)),
};
