// Verifies a session token with the VerifySession RPC: node examples/verify-session.js "$TOKEN"
import { credentials, Metadata } from '@grpc/grpc-js';
import { ChatSessionsClient } from '../dist/src/gen/ts-proto/chatsessions/v1/chat_sessions.js';

const target = process.env.ENGINE_TARGET ?? '127.0.0.1:50051';
const client = new ChatSessionsClient(target, credentials.createInsecure());
const metadata = new Metadata();
if (process.env.ENGINE_TOKEN) metadata.set('authorization', `Bearer ${process.env.ENGINE_TOKEN}`);
const request = { token: process.argv[2], intentName: 'order_status' };
client.verifySession(request, metadata, { deadline: Date.now() + 2_000 }, (error, session) => {
  console.log(error ? `refused: ${error.details}` : session);
  client.close();
});
