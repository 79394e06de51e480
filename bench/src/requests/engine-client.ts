import { credentials } from '@grpc/grpc-js';
import { ChatSessionsClient } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { ServerProcess } from '../servers/server-process.js';

/** Makes a gRPC client of a service. */
export function engineClient({ grpc = '' }: Pick<ServerProcess, 'grpc'>): ChatSessionsClient {
  return new ChatSessionsClient(grpc, credentials.createInsecure());
}

/** Turns a unary call into a promise. */
export function answered<T>(
  call: (callback: (error: Error | null, response: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });
}
