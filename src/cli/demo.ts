import { credentials } from '@grpc/grpc-js';
import { type App, formatAddress } from '../app.js';
import {
  ChatSessionsClient,
  type OpenSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';

const PUBLIC_PATH = '/api/public/v1/chat/sessions';

/**
 * Shows that the service works: opens one session over its own public path and one over gRPC.
 *
 * @returns both answers, shortened, with their times, and lines to paste that do the same
 * @throws Error when one of them fails
 */
export async function demonstrate({ addresses }: App, publicKey: string): Promise<string> {
  const url = `http://${formatAddress(addresses.http)}${PUBLIC_PATH}`;
  const target = formatAddress(addresses.grpc);
  const http = await timed(() => openOverHttp(url, publicKey));
  const grpc = await timed(() => openOverGrpc(target, publicKey));
  const body = JSON.stringify({ publicKey });

  return [
    `POST ${PUBLIC_PATH}  (${http.ms.toFixed(1)} ms)`,
    shorten(http.answer),
    '',
    `gRPC chatsessions.v1.ChatSessions/OpenSession  (${grpc.ms.toFixed(1)} ms)`,
    shorten(grpc.answer),
    '',
    'Try it yourself:',
    '',
    `curl -s ${url} \\`,
    `  -H 'Content-Type: application/json' -d '${body}'`,
    '',
    'grpcurl -plaintext -import-path proto -import-path node_modules/google-proto-files \\',
    '  -proto chatsessions/v1/chat_sessions.proto -proto google/rpc/error_details.proto \\',
    `  -d '${body}' ${target} chatsessions.v1.ChatSessions/OpenSession`,
  ].join('\n');
}

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const start = performance.now();
  const answer = await work();
  return { answer, ms: performance.now() - start };
}

async function openOverHttp(url: string, publicKey: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ publicKey, locale: 'en', variables: { cart_total: 129 } }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`the public path answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

async function openOverGrpc(target: string, publicKey: string): Promise<unknown> {
  const client = new ChatSessionsClient(target, credentials.createInsecure());
  try {
    return await new Promise<OpenSessionResponse>((resolve, reject) => {
      const request = { publicKey, customerId: '', locale: 'en', variables: { cart_total: 129 } };
      client.openSession(request, (error, response) => (error ? reject(error) : resolve(response)));
    });
  } finally {
    client.close();
  }
}

/** JSON for the eye: long texts cut, and of each list the first element alone. */
function shorten(answer: unknown): string {
  return JSON.stringify(
    answer,
    (_name, value: unknown) => {
      if (typeof value === 'string' && value.length > 60) return `${value.slice(0, 57)}…`;
      if (Array.isArray(value) && value.length > 1) return [value[0], `… ${value.length - 1} more`];
      return value;
    },
    2,
  );
}
