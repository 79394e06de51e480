/**
 * Connect for Node.js with the MongoDB driver, all through its router: Connect on HTTP/1.1, gRPC on HTTP/2; zod in,
 * one insertOne for each open.
 *
 * It does less than the service, which favours it: no interceptors, no log, no preflights, request ids or error
 * details, no idempotency keys or customer tokens, no compression of answers; bad UTF-8 in JSON passes; and what all
 * peers share (catalog.ts, session.ts).
 */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { WidgetView } from 'chatsessions/catalog/widget-view.js';
import {
  ChatSessions,
  type OpenSessionRequest,
  OpenSessionResponseSchema,
} from 'chatsessions/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { OpenSessionResponse } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { errorTable, toServiceError } from 'chatsessions/rpc/errors.js';
import { createCatalog } from './catalog.js';
import { announce, readSettings } from './process.js';
import { browserHeaders } from './public-answer.js';
import { checkRequest, MAX_REQUEST_BYTES } from './rules.js';
import { connectDatabase, createSessions } from './session.js';

const settings = readSettings();
const { client, db, sessions } = await connectDatabase(settings, 'connect_node');
const { admit } = createCatalog(db, toMessages);
const { begin, sign } = createSessions(settings);

/** Converts the offer to protobuf-es messages. */
function toMessages(offer: WidgetView['offer']) {
  const answer = { sessionToken: '', conversationId: '', expiresAt: undefined, ...offer };
  const bytes = OpenSessionResponse.encode(answer).finish();
  const { widget, intents, quickQuestions } = fromBinary(OpenSessionResponseSchema, bytes);
  return { ...(widget && { widget }), intents, quickQuestions };
}

/** Browsers call over Connect, internal services over gRPC. */
async function open(request: OpenSessionRequest, { protocolName, requestHeader }: HandlerContext) {
  const surface = protocolName === 'connect' ? 'chat' : 'engine';
  const origin = surface === 'chat' ? (requestHeader.get('origin') ?? undefined) : undefined;
  const checked = checkRequest(request);
  const { view, offer } = await admit(checked.publicKey, surface, origin);
  const { row, claims } = begin(view, checked, surface, origin);
  await sessions.insertOne(row);
  return {
    sessionToken: sign(claims),
    conversationId: claims.conversationId,
    expiresAt: timestampFromMs(claims.exp * 1000),
    ...offer,
  };
}

function routes(router: ConnectRouter): void {
  router.rpc(ChatSessions.method.openSession, async (request, context) => {
    try {
      return await open(request, context);
    } catch (thrown) {
      const { code, message } = toServiceError(thrown);
      if (code === 'internal') console.error(thrown);
      // Connect numbers its codes as gRPC does.
      const connectCode: Code = errorTable[code].grpc;
      throw new ConnectError(message, connectCode);
    }
  });
}

const handler = connectNodeAdapter({
  routes,
  readMaxBytes: MAX_REQUEST_BYTES,
  compressMinBytes: Number.MAX_SAFE_INTEGER,
});
const http = createHttp((request, response) => {
  const headers = browserHeaders(request.headers.origin);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  handler(request, response);
});
const http2 = createHttp2(handler);

const listen = (server: Server) =>
  new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
announce({ http: `http://${await listen(http)}`, grpc: await listen(http2) }, async () => {
  await Promise.all([http, http2].map((server) => new Promise((closed) => server.close(closed))));
  await client.close();
});
