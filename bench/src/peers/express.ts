/**
 * Express 5 with Mongoose: zod in, a model's `create` for each open, `res.json` out.
 *
 * It does less than the service, which favours it: no log, no helmet, no package for CORS, no preflights or request
 * ids, no ETag, no idempotency keys or customer tokens; duplicate members and bad UTF-8 pass; and what all peers share
 * (catalog.ts, session.ts).
 */
import type { AddressInfo } from 'node:net';
import { CONVERSATION_INDEXES } from 'chatsessions/mongo/database.js';
import express, { type ErrorRequestHandler } from 'express';
import type { Db } from 'mongodb';
import mongoose, { Schema } from 'mongoose';
import { createCatalog } from './catalog.js';
import { announce, readSettings } from './process.js';
import { browserHeaders, PUBLIC_PATH, publicAnswer, publicRefusal, toPublicOffer } from './public-answer.js';
import { checkRequest, MAX_REQUEST_BYTES } from './rules.js';
import { createSessions, type SessionRow } from './session.js';

const schema = new Schema<SessionRow>(
  {
    _id: Schema.Types.UUID,
    tenantId: { type: Schema.Types.UUID, required: true },
    keyId: { type: Schema.Types.UUID, required: true },
    customerId: String,
    locale: String,
    variables: Schema.Types.Mixed,
    origin: String,
    surface: { type: String, required: true },
    session: { jti: String, iat: Date, exp: Date },
    createdAt: Date,
    updatedAt: Date,
    purgeAt: Date,
  },
  // Without this, Mongoose leaves out empty objects.
  { collection: 'sessions_express', minimize: false },
);
for (const { key, ...options } of CONVERSATION_INDEXES) schema.index({ ...key }, options);
const Session = mongoose.model('Session', schema);

const settings = readSettings();
const { connection } = await mongoose.connect(settings.MONGODB_URI, {
  dbName: settings.MONGODB_DB,
  writeConcern: { w: 'majority' },
  // The embedded server has no command to create a collection; the first write creates it.
  autoCreate: false,
});
await Session.init();
// Mongoose has its own copy of the driver, whose types differ although the code is alike.
const db = connection.getClient().db(settings.MONGODB_DB) as unknown as Db;
const { admit } = createCatalog(db, toPublicOffer);
const { begin, sign } = createSessions(settings);

const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.use((request, response, next) => {
  response.set(browserHeaders(request.headers.origin));
  next();
});
app.use(express.json({ limit: MAX_REQUEST_BYTES }));

app.post(PUBLIC_PATH, async (request, response) => {
  const { origin } = request.headers;
  const body = checkRequest(request.body);
  const { view, offer } = await admit(body.publicKey, 'chat', origin);
  const { row, claims } = begin(view, body, 'chat', origin);
  await Session.create(row);
  response.json(publicAnswer(sign(claims), claims, offer));
});

// Express recognises an error handler by its four parameters.
const refuse: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  const { status, body } = publicRefusal(error);
  response.status(status).json(body);
};
app.use(refuse);

const server = app.listen(0, '127.0.0.1', (error) => {
  if (error) throw error;
  const { port } = server.address() as AddressInfo;
  announce({ http: `http://127.0.0.1:${port}` }, async () => {
    await new Promise((closed) => server.close(closed));
    await mongoose.disconnect();
  });
});
