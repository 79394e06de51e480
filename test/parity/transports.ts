import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import { fromBinary, fromJson, fromJsonString, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, credentials, status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { publicJson } from '../../src/gateway/public-json.js';
import {
  OpenSessionRequestSchema,
  OpenSessionResponseSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from '../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/protobuf-es/google/rpc/status_pb.js';
import type { TestApp } from '../harness/app.js';
import type { Step } from './case.js';

const PUBLIC_PATH = '/api/public/v1/chat/sessions';
const RPC_PATH = '/chatsessions.v1.ChatSessions/OpenSession';

/** An answer, brought to one form whatever carried it. */
export interface Answer {
  /** HTTP status, where there is one. */
  readonly status?: number;
  /** gRPC's or Connect's code, as SCREAMING_SNAKE_CASE; OK for none. */
  readonly code?: string;
  /** The code of the error table. */
  readonly reason?: string;
  readonly violations?: readonly string[];
  /** `metadata.http_status` of the ErrorInfo. */
  readonly httpStatus?: string;
  /** The session, as the public path answers it. */
  readonly body?: unknown;
  readonly headers: IncomingHttpHeaders;
  /** Everything that came back, for messages. */
  readonly raw: string;
}

/** A way to send a step; undefined when it cannot carry it. */
export type Transport = (app: TestApp, step: Step) => (() => Promise<Answer>) | undefined;

const toPublicJson = publicJson(OpenSessionResponseSchema);

/** A session as the public path answers it. */
function asPublicJson(session: object): unknown {
  return JSON.parse(toPublicJson(session).toString());
}

const agent = new Agent({ keepAlive: true });

/** Sends one HTTP request. */
export function sendHttp(
  url: string,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: Buffer },
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const length = method === 'GET' && body.length === 0 ? {} : { 'content-length': String(body.length) };
    const sent = httpRequest(url, { method, agent, headers: { ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function httpParts(step: Step, body: Buffer, contentType: string) {
  const headers: Record<string, string> = { 'content-type': step.contentType ?? contentType };
  if (headers['content-type'] === '') delete headers['content-type'];
  if (step.origin !== undefined) headers['origin'] = step.origin;
  if (step.gzip) headers['content-encoding'] = 'gzip';
  Object.assign(headers, step.headers);
  return { method: step.method ?? 'POST', headers, body: step.gzip ? gzipSync(body) : body };
}

function jsonBody(step: Step): Buffer | undefined {
  if (step.request) return Buffer.from(JSON.stringify(step.request));
  if (step.rawBody !== undefined) return Buffer.from(step.rawBody);
  if (step.rawBodyBase64 !== undefined) return Buffer.from(step.rawBodyBase64, 'base64');
  return undefined;
}

function messageBytes(step: Step): Uint8Array | undefined {
  if (step.rawMessageBase64 !== undefined) return Buffer.from(step.rawMessageBase64, 'base64');
  if (!step.request) return undefined;
  const json = JSON.parse(JSON.stringify(step.request));
  return toBinary(
    OpenSessionRequestSchema,
    fromJson(OpenSessionRequestSchema, json, { ignoreUnknownFields: true }),
  );
}

/** The public path. */
const publicPath: Transport = ({ httpUrl }, step) => {
  const body = jsonBody(step);
  return (
    body &&
    step.chat &&
    (async () => {
      const answer = await sendHttp(`${httpUrl}${PUBLIC_PATH}`, httpParts(step, body, 'application/json'));
      const raw = answer.body.toString();
      const json = raw === '' ? {} : JSON.parse(raw);
      return {
        status: answer.status,
        reason: json.error,
        violations: json.details?.violations?.map((violation: { field: string }) => violation.field),
        body: json,
        headers: answer.headers,
        raw,
      };
    })
  );
};

/** Connect with JSON bodies. */
const connectJson: Transport = ({ httpUrl }, step) => {
  const body = jsonBody(step);
  return (
    body &&
    step.chat &&
    (async () => {
      const answer = await sendHttp(`${httpUrl}${RPC_PATH}`, httpParts(step, body, 'application/json'));
      const raw = answer.body.toString();
      if (answer.status !== 200) return connectRefusal(answer.status, answer.headers, raw);
      const session = fromJsonString(OpenSessionResponseSchema, raw);
      return {
        status: 200,
        code: 'OK',
        body: asPublicJson(session),
        headers: answer.headers,
        raw,
      };
    })
  );
};

/** Connect with protobuf bodies. */
const connectBinary: Transport = ({ httpUrl }, step) => {
  const message = messageBytes(step);
  return (
    message &&
    step.chat &&
    (async () => {
      const answer = await sendHttp(
        `${httpUrl}${RPC_PATH}`,
        httpParts(step, Buffer.from(message), 'application/proto'),
      );
      if (answer.status !== 200) return connectRefusal(answer.status, answer.headers, answer.body.toString());
      const session = fromBinary(OpenSessionResponseSchema, answer.body);
      const body = asPublicJson(session);
      return { status: 200, code: 'OK', body, headers: answer.headers, raw: JSON.stringify(body) };
    })
  );
};

function connectRefusal(status: number, headers: IncomingHttpHeaders, raw: string): Answer {
  const json: { code?: string; details?: { type: string; value: string }[] } =
    raw === '' ? {} : JSON.parse(raw);
  const details = (json.details ?? []).map(({ type, value }) => ({
    type,
    value: Buffer.from(value, 'base64'),
  }));
  const infos = details.filter(({ type }) => type === ErrorInfoSchema.typeName);
  const requests = details.filter(({ type }) => type === BadRequestSchema.typeName);
  return {
    status,
    ...(json.code && { code: json.code.toUpperCase() }),
    ...detailsOf(
      infos.map(({ value }) => fromBinary(ErrorInfoSchema, value)),
      requests.map(({ value }) => fromBinary(BadRequestSchema, value)),
    ),
    headers,
    raw,
  };
}

function detailsOf(
  infos: readonly { reason: string; metadata: { [key: string]: string } }[],
  requests: readonly { fieldViolations: { field: string }[] }[],
) {
  const [info] = infos;
  const [request] = requests;
  return {
    ...(info && { reason: info.reason, httpStatus: info.metadata['http_status'] ?? '' }),
    ...(request && { violations: request.fieldViolations.map(({ field }) => field) }),
  };
}

/** gRPC. */
const grpc: Transport = ({ grpcTarget }, step) => {
  const message = messageBytes(step);
  return (
    message &&
    step.engine &&
    (async () => {
      const client = new Client(grpcTarget, credentials.createInsecure());
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(step.headers ?? {})) metadata.set(name, value);
      try {
        const bytes = await new Promise<Buffer>((resolve, reject) => {
          const identity = (value: Buffer) => value;
          client.makeUnaryRequest(
            RPC_PATH,
            identity,
            identity,
            Buffer.from(message),
            metadata,
            { deadline: Date.now() + 9_000 },
            (error, value) => (error ? reject(error) : resolve(value ?? Buffer.alloc(0))),
          );
        });
        const body = asPublicJson(fromBinary(OpenSessionResponseSchema, bytes));
        return { code: 'OK', body, headers: {}, raw: JSON.stringify(body) };
      } catch (error) {
        return grpcRefusal(error as ServiceError);
      } finally {
        client.close();
      }
    })
  );
};

function grpcRefusal(error: ServiceError): Answer {
  const [packed] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = packed === undefined ? [] : fromBinary(StatusSchema, Buffer.from(packed)).details;
  return {
    code: grpcStatus[error.code] ?? String(error.code),
    ...detailsOf(
      details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? []),
      details.flatMap((any) => anyUnpack(any, BadRequestSchema) ?? []),
    ),
    headers: {},
    raw: `${error.code} ${error.details}`,
  };
}

/** Every transport, by the name that tests print. */
export const transports = {
  'public path': publicPath,
  'Connect JSON': connectJson,
  'Connect binary': connectBinary,
  gRPC: grpc,
};
