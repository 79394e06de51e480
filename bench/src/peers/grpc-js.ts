/**
 * grpc-js with the service that ts-proto generates, and the MongoDB driver: zod in, one insertOne for each open.
 *
 * It does less than the service, which favours it: no log, no deadlines, request ids or error details, no idempotency
 * keys or customer tokens; bad UTF-8 passes; and what all peers share (catalog.ts, session.ts).
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type ChatSessionsServer,
  ChatSessionsService,
  type OpenSessionRequest,
  type OpenSessionResponse,
} from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { errorTable, toServiceError } from 'chatsessions/rpc/errors.js';
import { createCatalog } from './catalog.js';
import { announce, readSettings } from './process.js';
import { checkRequest, MAX_REQUEST_BYTES } from './rules.js';
import { connectDatabase, createSessions } from './session.js';

const settings = readSettings();
const { client, db, sessions } = await connectDatabase(settings, 'grpc_js');
const { admit } = createCatalog(db, (offer) => offer);
const { begin, sign } = createSessions(settings);

async function open(request: OpenSessionRequest): Promise<OpenSessionResponse> {
  const checked = checkRequest(request);
  const { view, offer } = await admit(checked.publicKey, 'engine');
  const { row, claims } = begin(view, checked, 'engine');
  await sessions.insertOne(row);
  return {
    sessionToken: sign(claims),
    conversationId: claims.conversationId,
    expiresAt: { seconds: claims.exp, nanos: 0 },
    ...offer,
  };
}

const openSession: ChatSessionsServer['openSession'] = async ({ request }, callback) => {
  try {
    callback(null, await open(request));
  } catch (thrown) {
    const { code, message } = toServiceError(thrown);
    if (code === 'internal') console.error(thrown);
    callback({ code: errorTable[code].grpc, details: message });
  }
};

const server = new Server({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });
server.addService(ChatSessionsService, { openSession });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  announce({ grpc: `127.0.0.1:${port}` }, async () => {
    await new Promise((closed) => server.tryShutdown(closed));
    await client.close();
  });
});
