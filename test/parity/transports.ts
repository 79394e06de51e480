import { Agent, request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import { fromBinary, fromJson, fromJsonString, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Answer, connectRefusal, grpcRefusal, publicAnswer } from './answer.js';
import type { Step, TransportName } from './case.js';
import { type RpcFacts, rpcOf } from './rpcs.js';

export type { Answer } from './answer.js';

/** Where a service listens. */
export interface Target {
  /** Base address of the gateway. */
  readonly httpUrl: string;
  /** `host:port` of the gRPC server. */
  readonly grpcTarget: string;
  /** The client that all gRPC calls share; without it each call makes a connection, and so may reach another worker. */
  readonly grpcClient?: Client;
}

/** A way to send a step; undefined when it cannot carry it. */
export type Transport = (target: Target, step: Step) => (() => Promise<Answer>) | undefined;

const agent = new Agent({ keepAlive: true });

/** Sends one HTTP request: over a connection that is kept, unless the agent says otherwise. */
export function sendHttp(
  url: string,
  { method, headers, body }: { method: string; headers: OutgoingHttpHeaders; body: Buffer },
  over: Agent | false = agent,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const length = method === 'GET' && body.length === 0 ? {} : { 'content-length': String(body.length) };
    const sent = httpRequest(url, { method, agent: over, headers: { ...length, ...headers } }, (response) => {
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

function httpParts(step: Step, method: string, body: Buffer, contentType: string) {
  const headers: OutgoingHttpHeaders = { 'content-type': step.contentType ?? contentType };
  if (headers['content-type'] === '') delete headers['content-type'];
  if (typeof step.origin === 'string') headers['origin'] = step.origin;
  if (typeof step.session === 'string') headers['authorization'] = `Bearer ${step.session}`;
  if (step.gzip) headers['content-encoding'] = 'gzip';
  for (const [name, value] of Object.entries(step.headers ?? {}))
    headers[name] = typeof value === 'string' ? value : [...value];
  return { method: step.method ?? method, headers, body: step.gzip ? gzipSync(body) : body };
}

/** Whether a step has something that its transport can send: these know before `$names` are filled in. */
const hasRaw = (step: Step) => step.rawBody !== undefined || step.rawBodyBase64 !== undefined;
const isJson = (step: Step) => hasRaw(step) || step.rawMessageBase64 === undefined;
const isMessage = (step: Step) =>
  step.rawMessageBase64 !== undefined || !hasRaw(step) || step.request !== undefined;

function jsonBody(step: Step): Buffer {
  if (step.rawBodyBase64 !== undefined) return Buffer.from(step.rawBodyBase64, 'base64');
  return Buffer.from(step.rawBody ?? JSON.stringify(step.request ?? {}));
}

function messageBytes({ input }: RpcFacts, step: Step): Buffer {
  if (step.rawMessageBase64 !== undefined) return Buffer.from(step.rawMessageBase64, 'base64');
  const json = JSON.parse(JSON.stringify(step.request ?? {}));
  return Buffer.from(toBinary(input, fromJson(input, json, { ignoreUnknownFields: true })));
}

/** The public path. */
const publicPath: Transport = ({ httpUrl }, step) => {
  const { rule } = rpcOf(step.rpc);
  if (!rule || !step.chat || !isJson(step)) return undefined;
  return async () => {
    const isSent = rule.hasBody || hasRaw(step);
    const body = isSent ? jsonBody(step) : Buffer.alloc(0);
    const parts = httpParts(step, rule.method, body, isSent ? 'application/json' : '');
    const answer = await sendHttp(`${httpUrl}${rule.path}${step.query ?? ''}`, parts);
    return publicAnswer(answer.status, answer.headers, answer.body.toString());
  };
};

/** Connect with JSON bodies. */
const connectJson: Transport = ({ httpUrl }, step) => {
  const rpc = rpcOf(step.rpc);
  if (!rpc.rule || !step.chat || !isJson(step)) return undefined;
  return async () => {
    const parts = httpParts(step, 'POST', jsonBody(step), 'application/json');
    const answer = await sendHttp(`${httpUrl}${rpc.path}${step.query ?? ''}`, parts);
    const raw = answer.body.toString();
    if (answer.status !== 200) return connectRefusal(answer.status, answer.headers, raw);
    const body = rpc.toJson(fromJsonString(rpc.output, raw));
    return { status: 200, code: 'OK', body, headers: answer.headers, raw };
  };
};

/** Connect with protobuf bodies. */
const connectBinary: Transport = ({ httpUrl }, step) => {
  const rpc = rpcOf(step.rpc);
  if (!rpc.rule || !step.chat || !isMessage(step)) return undefined;
  return async () => {
    const parts = httpParts(step, 'POST', messageBytes(rpc, step), 'application/proto');
    const answer = await sendHttp(`${httpUrl}${rpc.path}${step.query ?? ''}`, parts);
    if (answer.status !== 200) {
      return connectRefusal(answer.status, answer.headers, answer.body.toString());
    }
    const body = rpc.toJson(fromBinary(rpc.output, answer.body));
    return { status: 200, code: 'OK', body, headers: answer.headers, raw: JSON.stringify(body) };
  };
};

/** Connect with GET: the request in the query, as JSON where it can be. */
export const connectGet: Transport = ({ httpUrl }, step) => {
  const rpc = rpcOf(step.rpc);
  if (!rpc.rule || !rpc.isRead || !step.chat) return undefined;
  return async () => {
    const body = isJson(step) ? jsonBody(step) : messageBytes(rpc, step);
    const { method, headers } = httpParts({ ...step, gzip: false }, 'GET', body, '');
    const query = step.connectQuery ?? getQuery(body, isJson(step) ? 'json' : 'proto', step.gzip);
    const more = step.query?.replace('?', '&') ?? '';
    const parts = { method, headers, body: Buffer.alloc(0) };
    const answer = await sendHttp(`${httpUrl}${rpc.path}${query}${more}`, parts);
    const raw = answer.body.toString();
    if (answer.status !== 200) return connectRefusal(answer.status, answer.headers, raw);
    const isJsonAnswer = answer.headers['content-type'] === 'application/json';
    const message = isJsonAnswer ? fromJsonString(rpc.output, raw) : fromBinary(rpc.output, answer.body);
    return { status: 200, code: 'OK', body: rpc.toJson(message), headers: answer.headers, raw };
  };
};

function getQuery(body: Buffer, encoding: 'json' | 'proto', isPacked = false): string {
  const query = new URLSearchParams({ connect: 'v1', encoding });
  if (isPacked) query.set('compression', 'gzip');
  if (isPacked || encoding === 'proto') {
    query.set('base64', '1');
    query.set('message', (isPacked ? gzipSync(body) : body).toString('base64url'));
  } else {
    // Every byte as it is, those that are no UTF-8 too.
    return `?${query}&message=${body.toString('hex').replace(/../g, '%$&')}`;
  }
  return `?${query}`;
}

/** gRPC. */
const grpc: Transport = ({ grpcTarget, grpcClient }, step) => {
  const rpc = rpcOf(step.rpc);
  if (!step.engine || !isMessage(step)) return undefined;
  return async () => {
    const client = grpcClient ?? new Client(grpcTarget, credentials.createInsecure());
    try {
      const bytes = await call(client, rpc.path, messageBytes(rpc, step), metadataOf(step));
      const body = rpc.toJson(fromBinary(rpc.output, bytes));
      return { code: 'OK', body, headers: {}, raw: JSON.stringify(body) };
    } catch (error) {
      return grpcRefusal(error as ServiceError);
    } finally {
      if (client !== grpcClient) client.close();
    }
  };
};

function metadataOf(step: Step): Metadata {
  const metadata = new Metadata();
  if (typeof step.session === 'string') metadata.set('chat-session-token', step.session);
  for (const [name, values] of Object.entries(step.headers ?? {})) {
    metadata.remove(name);
    for (const value of [values].flat()) metadata.add(name, value);
  }
  return metadata;
}

function call(client: Client, path: string, message: Buffer, metadata: Metadata): Promise<Buffer> {
  const identity = (value: Buffer) => value;
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 9_000 };
    client.makeUnaryRequest(path, identity, identity, message, metadata, options, (error, value) =>
      error ? reject(error) : resolve(value ?? Buffer.alloc(0)),
    );
  });
}

/** Every transport, by the name that tests print. */
export const transports = {
  'public path': publicPath,
  'Connect JSON': connectJson,
  'Connect binary': connectBinary,
  gRPC: grpc,
} satisfies Record<TransportName, Transport>;
