import { fromBinary, fromJson, fromJsonString, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { Client, credentials, status as grpcStatus } from '@grpc/grpc-js';
import {
  OpenSessionRequestSchema,
  OpenSessionResponseSchema,
} from 'chatsessions/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { callRaw } from '../src/load/call-raw.js';
import type { Addresses } from '../src/peers/process.js';
import { OPEN_RPC_PATH, publicOpen } from '../src/requests/open-request.js';

/** The transports over which sessions are opened. */
export type Transport = 'public path' | 'Connect JSON' | 'Connect binary' | 'gRPC';

/** What is sent. */
export interface OpenInput {
  /** The Origin header: that of an allowed page unless set, none when null. */
  readonly origin?: string | null;
  readonly request?: JsonValue;
  /** A body in place of the request, where bodies are JSON. */
  readonly rawBody?: string;
}

/** An answer, in one form for all transports. */
export interface Answer {
  /** The HTTP status; undefined over gRPC. */
  readonly status?: number;
  /** Connect's or gRPC's code, such as `PERMISSION_DENIED`; undefined on the public path. */
  readonly code?: string;
  /** `error` of the public path. */
  readonly reason?: string;
  readonly body?: JsonValue;
  readonly headers: Readonly<Record<string, string>>;
  /** The answer as text, a protobuf message as its JSON. */
  readonly raw: string;
}

/** Opens a session on a server. @returns its answer, which may be a refusal */
export function openOver(transport: Transport, server: Addresses, input: OpenInput): Promise<Answer> {
  if (transport === 'gRPC') return openOverGrpc(server, input);
  return transport === 'public path'
    ? openOverHttp(server, input)
    : openOverConnect(server, input, transport);
}

/** A text of an answered body. @throws Error when there is none, such as in a refusal */
export function textOf({ body, raw }: Answer, name: string): string {
  const value: unknown = Object(body)[name];
  if (typeof value !== 'string') throw new Error(`no ${name} in ${raw}`);
  return value;
}

async function openOverHttp(server: Addresses, input: OpenInput): Promise<Answer> {
  const response = await post(server, publicOpen.path, input, 'application/json', jsonBody(input));
  const raw = await response.text();
  const body = JSON.parse(raw);
  return { status: response.status, reason: body.error, body, headers: headersOf(response), raw };
}

async function openOverConnect(server: Addresses, input: OpenInput, transport: Transport): Promise<Answer> {
  const isJson = transport === 'Connect JSON';
  const mediaType = isJson ? 'application/json' : 'application/proto';
  const sent = isJson ? jsonBody(input) : requestBytes(input);
  const response = await post(server, OPEN_RPC_PATH, input, mediaType, sent);
  const bytes = Buffer.from(await response.arrayBuffer());
  const answer = { status: response.status, headers: headersOf(response) };
  if (response.status !== 200) {
    const raw = bytes.toString();
    return { ...answer, code: JSON.parse(raw).code.toUpperCase(), raw };
  }
  const message = isJson
    ? fromJsonString(OpenSessionResponseSchema, bytes.toString())
    : fromBinary(OpenSessionResponseSchema, bytes);
  const body = toJson(OpenSessionResponseSchema, message);
  return { ...answer, code: 'OK', body, raw: isJson ? bytes.toString() : JSON.stringify(body) };
}

async function openOverGrpc({ grpc = '' }: Addresses, input: OpenInput): Promise<Answer> {
  const client = new Client(grpc, credentials.createInsecure());
  try {
    const bytes = await callRaw(client, OPEN_RPC_PATH, requestBytes(input));
    const body = toJson(OpenSessionResponseSchema, fromBinary(OpenSessionResponseSchema, bytes));
    return { code: 'OK', body, headers: {}, raw: JSON.stringify(body) };
  } catch (error) {
    const code = Number(Object(error).code);
    return { code: grpcStatus[code] ?? String(code), headers: {}, raw: String(error) };
  } finally {
    client.close();
  }
}

function post(
  { http = '' }: Addresses,
  path: string,
  { origin }: OpenInput,
  mediaType: string,
  body: Buffer,
) {
  const from = origin === undefined ? 'https://northwind.example' : origin;
  return fetch(http + path, {
    method: 'POST',
    headers: { 'Content-Type': mediaType, ...(from !== null && { Origin: from }) },
    body,
  });
}

function jsonBody({ rawBody, request = {} }: OpenInput): Buffer {
  return Buffer.from(rawBody ?? JSON.stringify(request));
}

function requestBytes({ request = {} }: OpenInput): Buffer {
  return Buffer.from(toBinary(OpenSessionRequestSchema, fromJson(OpenSessionRequestSchema, request)));
}

function headersOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries(headers);
}
