import { credentials, status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ChatSessionsClient } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { TestApp } from '../harness/app.js';
import { connectErrorDetails, grpcErrorDetails } from '../harness/error-details.js';
import { sendHttp } from '../parity/transports.js';

/** What became of a call with a session token, whatever carried it. */
export interface Outcome {
  /** HTTP status, or the name of the gRPC status; `OK` and 200 when it was let in. */
  readonly status: number | string;
  /** The code of the error table; undefined when it was let in, or refused below the service. */
  readonly reason?: string | undefined;
  /** `details.cause` */
  readonly cause?: string | undefined;
  /** Everything that came back, for messages. */
  readonly raw: string;
}

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** A client of a service's engine surface: all calls of one are on one connection. */
export function engineClient({ grpcTarget }: Pick<TestApp, 'grpcTarget'>) {
  const client = new ChatSessionsClient(grpcTarget, credentials.createInsecure());
  const unary =
    <Request, Response>(method: Method<Request, Response>) =>
    (request: Request, sessionToken?: string): Promise<Response> =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata();
        if (sessionToken !== undefined) metadata.set('chat-session-token', sessionToken);
        const options = { deadline: Date.now() + 9_000 };
        method.call(client, request, metadata, options, (error, response) =>
          error ? reject(error) : resolve(response),
        );
      });
  return {
    openSession: unary(client.openSession),
    getSession: unary(client.getSession),
    refreshSession: unary(client.refreshSession),
    endSession: unary(client.endSession),
    verifySession: unary(client.verifySession),
    getConversation: unary(client.getConversation),
    listConversations: unary(client.listConversations),
    updateConversation: unary(client.updateConversation),
    endConversation: unary(client.endConversation),
    close: () => client.close(),
  };
}

/** A client of a service's engine surface. */
export type EngineClient = ReturnType<typeof engineClient>;

/** What became of a call of the engine surface. */
export async function engineOutcome(call: Promise<object>): Promise<Outcome> {
  try {
    return { status: 'OK', raw: JSON.stringify(await call) };
  } catch (error) {
    const { code, details, metadata } = error as ServiceError;
    const { reason, metadata: info } = grpcErrorDetails(metadata?.get('grpc-status-details-bin')[0]);
    return {
      status: grpcStatus[code] ?? String(error),
      reason,
      cause: info['cause'],
      raw: `${code} ${details}`,
    };
  }
}

/** The headers of a browser's call with a session token. */
const browserHeaders = (token: string) => ({
  authorization: `Bearer ${token}`,
  origin: 'https://acme.com',
  'content-type': 'application/json',
});

/** GetSession on the public path. */
export async function getOnPublicPath({ httpUrl }: TestApp, token: string): Promise<Outcome> {
  const { status, body } = await sendHttp(`${httpUrl}/api/public/v1/chat/sessions/current`, {
    method: 'GET',
    headers: browserHeaders(token),
    body: Buffer.alloc(0),
  });
  const json: { error?: string; details?: { cause?: string } } = JSON.parse(body.toString());
  return { status, reason: json.error, cause: json.details?.cause, raw: `${status} ${body}` };
}

/** GetSession over Connect, with JSON. */
export async function getOnConnect({ httpUrl }: TestApp, token: string): Promise<Outcome> {
  const { status, body } = await sendHttp(`${httpUrl}/chatsessions.v1.ChatSessions/GetSession`, {
    method: 'POST',
    headers: browserHeaders(token),
    body: Buffer.from('{}'),
  });
  const json: { error?: string; details?: unknown } = JSON.parse(body.toString());
  // What is no HTTP request is refused before anybody knows that it would have been Connect's.
  const { reason = json.error, metadata } = connectErrorDetails(json.details);
  return {
    status,
    reason,
    cause: metadata['cause'],
    raw: `${status} ${body}`,
  };
}
