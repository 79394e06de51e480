import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { credentials, Metadata } from '@grpc/grpc-js';
import { formatAddress } from '../app/config.js';
import type { App } from '../app/start.js';
import {
  ChatSessionsClient,
  type OpenSessionResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';

const PUBLIC_PATH = '/api/public/v1/chat/sessions';
/** The fields of the demo requests that describe the visit. */
const VISIT = { locale: 'en', variables: { cart_total: 129 } };
/** The timeout of one request, in ms. */
const TIMEOUT_MS = 5_000;

/**
 * Tests the running service: opens one session over the public path and one over gRPC.
 *
 * @returns both answers, shortened, with their times, and shell commands that send the same requests
 * @throws Error when one of the requests fails
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

/** Opens a session over HTTP. It uses node:http, because fetch refuses some ports and may use a proxy. */
function openOverHttp(url: string, publicKey: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, timeout: TIMEOUT_MS };
    const sent = request(url, options, async (response) => {
      const body = await text(response).catch(reject);
      if (response.statusCode === 200 && body) resolve(JSON.parse(body));
      else reject(new Error(`the public path answered ${response.statusCode}: ${body}`));
    });
    sent.on('timeout', () => sent.destroy(new Error('the public path does not answer')));
    sent.on('error', reject);
    sent.end(JSON.stringify({ publicKey, ...VISIT }));
  });
}

async function openOverGrpc(target: string, publicKey: string): Promise<unknown> {
  const client = new ChatSessionsClient(target, credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
  });
  try {
    const { expiresAt, ...answer } = await new Promise<OpenSessionResponse>((resolve, reject) => {
      const wanted = {
        publicKey,
        customerId: '',
        customerToken: '',
        continueLatest: false,
        attributes: undefined,
        customerVerified: false,
        ttl: undefined,
        ...VISIT,
      };
      const options = { deadline: Date.now() + TIMEOUT_MS };
      client.openSession(
        wanted,
        new Metadata(),
        options,
        (error: Error | null, response: OpenSessionResponse) => (error ? reject(error) : resolve(response)),
      );
    });
    // The format in which grpcurl prints a Timestamp.
    return { ...answer, expiresAt: new Date((expiresAt?.seconds ?? 0) * 1000).toISOString() };
  } finally {
    client.close();
  }
}

/** Formats an answer for people: long strings are cut, and lists are reduced to their first element. */
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
