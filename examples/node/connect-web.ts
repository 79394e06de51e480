/** A page's client with connect-web: opens a session, reads it with its token, and reads the details of an error. */
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { ChatSessions } from './gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from './gen/protobuf-es/google/rpc/error_details_pb.js';

const baseUrl = process.env['CHAT_URL'] ?? 'http://127.0.0.1:8080';
const client = createClient(ChatSessions, createConnectTransport({ baseUrl, useHttpGet: true }));

const opened = await client.openSession({
  publicKey: 'pk_live_de300000000000000000000000000001',
  customerId: 'u-42',
  variables: { cart_total: 129 },
});
const expiresAt = opened.expiresAt && timestampDate(opened.expiresAt).toISOString();
console.log(`opened: conversation ${opened.conversationId} until ${expiresAt}`);

// VerifySession is for services; a page reads its session.
const headers = { authorization: `Bearer ${opened.sessionToken}` };
const session = await client.getSession({}, { headers });
console.log(`read: customer ${session.customerId}, cart_total ${session.variables?.['cart_total']}`);

await client.openSession({ publicKey: 'pk_live_1', locale: 'en_US' }).catch((error: unknown) => {
  const refusal = ConnectError.from(error);
  for (const { metadata } of refusal.findDetails(ErrorInfoSchema)) {
    console.log(`refused: ${metadata['code']}, HTTP status ${metadata['http_status']}`);
  }
  for (const { fieldViolations } of refusal.findDetails(BadRequestSchema)) {
    for (const { field, reason } of fieldViolations) console.log(`  ${field}: ${reason}`);
  }
});
