import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { formatAddress } from '../app/config.js';
import type { App } from '../app/start.js';
import {
  OpenSessionRequestSchema,
  type OpenSessionResponse,
  OpenSessionResponseSchema,
} from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';

const PUBLIC_PATH = '/api/public/v1/chat/sessions';
const RPC = 'chatsessions.v1.ChatSessions/OpenSession';
/** The fields of the demo request that describe the visit. */
const VISIT = { locale: 'en', variables: { cart_total: 129 } };
/** What the demo sends over each transport, as JSON. */
type DemoRequest = typeof VISIT & { publicKey: string };
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
  const request = { publicKey, ...VISIT };
  const http = await timed(() => openOverHttp(url, request));
  const grpc = await timed(() => openOverGrpc(target, request));
  const body = JSON.stringify(request);

  return [
    `POST ${PUBLIC_PATH}  (${http.ms.toFixed(1)} ms)`,
    shorten(http.answer),
    '',
    `gRPC ${RPC}  (${grpc.ms.toFixed(1)} ms)`,
    shorten(grpc.answer),
    '',
    'Try it yourself:',
    '',
    `curl -s ${url} \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '${body}'`,
    '',
    'grpcurl -plaintext -protoset dist/chatsessions.binpb \\',
    `  -d '${body}' \\`,
    `  ${target} ${RPC}`,
  ].join('\n');
}

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const start = performance.now();
  const answer = await work();
  return { answer, ms: performance.now() - start };
}

/** Opens a session over HTTP. It uses node:http, because fetch refuses some ports and may use a proxy. */
function openOverHttp(url: string, body: DemoRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, timeout: TIMEOUT_MS };
    const sent = request(url, options, async (response) => {
      const body = await text(response).catch(reject);
      if (response.statusCode === 200 && body) resolve(JSON.parse(body));
      else reject(new Error(`the public path answered ${response.statusCode}: ${body}`));
    });
    sent.on('timeout', () => sent.destroy(new Error('the public path does not answer')));
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

/** Opens a session over gRPC, and answers it in the JSON that grpcurl prints. */
async function openOverGrpc(target: string, body: DemoRequest): Promise<unknown> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  try {
    const response = await new Promise<OpenSessionResponse>((resolve, reject) => {
      client.makeUnaryRequest(
        `/${RPC}`,
        (request) => Buffer.from(toBinary(OpenSessionRequestSchema, request)),
        (bytes) => fromBinary(OpenSessionResponseSchema, bytes),
        fromJson(OpenSessionRequestSchema, body),
        new Metadata(),
        { deadline: Date.now() + TIMEOUT_MS },
        (error, value) => (value ? resolve(value) : reject(error ?? new Error('gRPC answered no message'))),
      );
    });
    return toJson(OpenSessionResponseSchema, response);
  } finally {
    client.close();
  }
}

/** Formats an answer for people: long strings are cut, and lists are reduced to their first element. */
export function shorten(answer: unknown): string {
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
