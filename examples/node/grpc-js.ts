/** A client with grpc-js and ts-proto: opens a session, verifies its token, and reads the details of an error. */
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  ChatSessionsClient,
  OpenSessionRequest,
  type OpenSessionResponse,
  VerifySessionRequest,
  type VerifySessionResponse,
} from './gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { BadRequest, ErrorInfo } from './gen/ts-proto/google/rpc/error_details.js';
import { Status } from './gen/ts-proto/google/rpc/status.js';

const target = process.env['ENGINE_TARGET'] ?? '127.0.0.1:50051';
const client = new ChatSessionsClient(target, credentials.createInsecure());
const metadata = new Metadata();
const token = process.env['ENGINE_TOKEN'];
if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);

function openSession(request: Partial<OpenSessionRequest>): Promise<OpenSessionResponse> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 5_000;
    client.openSession(OpenSessionRequest.fromPartial(request), metadata, { deadline }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

function verifySession(request: Partial<VerifySessionRequest>): Promise<VerifySessionResponse> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 5_000;
    client.verifySession(
      VerifySessionRequest.fromPartial(request),
      metadata,
      { deadline },
      (error, response) => (error ? reject(error) : resolve(response)),
    );
  });
}

const opened = await openSession({
  publicKey: 'pk_live_de300000000000000000000000000001',
  customerId: 'u-42',
  variables: { cart_total: 129 },
});
const expiresAt = new Date((opened.expiresAt?.seconds ?? 0) * 1000);
console.log(`opened: conversation ${opened.conversationId} until ${expiresAt.toISOString()}`);

const session = await verifySession({ token: opened.sessionToken });
console.log(
  `verified: customer ${session.customerId}, cart_total ${session.untrusted?.variables?.['cart_total']}`,
);

await openSession({ publicKey: 'pk_live_1', locale: 'en_US' }).catch((error: ServiceError) => {
  const [status] = error.metadata.get('grpc-status-details-bin');
  for (const { typeUrl, value } of Status.decode(Buffer.from(status ?? '')).details) {
    if (typeUrl === 'type.googleapis.com/google.rpc.ErrorInfo') {
      const info = ErrorInfo.decode(value);
      console.log(`refused: ${info.metadata['code']}, HTTP status ${info.metadata['http_status']}`);
    }
    if (typeUrl === 'type.googleapis.com/google.rpc.BadRequest') {
      for (const { field, reason } of BadRequest.decode(value).fieldViolations) {
        console.log(`  ${field}: ${reason}`);
      }
    }
  }
});
client.close();
