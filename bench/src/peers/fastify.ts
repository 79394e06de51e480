/**
 * Fastify with the MongoDB driver: JSON Schema in and out, one insertOne for each open.
 *
 * It does less than the service, which favours it: no log, no plugin for CORS, no preflights or request ids, no
 * idempotency keys or customer tokens; duplicate members and bad UTF-8 pass; and what all peers share (catalog.ts,
 * session.ts).
 */

import { canonicalLocale } from 'chatsessions/conversations/locale.js';
import { rulesBroken } from 'chatsessions/rpc/errors.js';
import fastify, { type FastifyError } from 'fastify';
import { createCatalog } from './catalog.js';
import { announce, readSettings } from './process.js';
import { browserHeaders, PUBLIC_PATH, publicAnswer, publicRefusal, toPublicOffer } from './public-answer.js';
import { MAX_REQUEST_BYTES, PUBLIC_KEY } from './rules.js';
import { connectDatabase, createSessions, type OpenRequest } from './session.js';

const scalar = { type: ['string', 'number', 'boolean', 'null'] };
const nested = (levels: number): object =>
  levels === 0 ? scalar : { anyOf: [scalar, { type: 'array', items: nested(levels - 1) }] };

const requestSchema = {
  type: 'object',
  required: ['publicKey'],
  properties: {
    publicKey: { type: 'string', pattern: PUBLIC_KEY.source },
    customerId: { type: 'string', nullable: true, maxLength: 100 },
    locale: { type: 'string', nullable: true, maxLength: 16, format: 'bcp47' },
    variables: {
      type: 'object',
      nullable: true,
      maxProperties: 50,
      maxJsonBytes: 4096,
      propertyNames: { pattern: '^[a-z][a-z0-9_]{0,63}$' },
      additionalProperties: nested(4),
    },
  },
};

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const optionalText = { type: 'string', nullable: true };
const members = (properties: object) => ({ type: 'object', required: Object.keys(properties), properties });

const answerSchema = members({
  sessionToken: text,
  conversationId: text,
  expiresAt: text,
  widget: members({ label: text }),
  intents: {
    type: 'array',
    items: members({
      name: text,
      displayLabel: text,
      subtitle: optionalText,
      description: optionalText,
      examples: texts,
      required_entities: texts,
      icon: { ...members({ kind: text, value: text }), nullable: true },
      accentColor: optionalText,
      styleVariant: text,
      isPinned: { type: 'boolean' },
      priority: { type: 'integer' },
    }),
  },
  quickQuestions: {
    type: 'array',
    items: members({ question: text, pageType: text, flowId: optionalText, intentName: optionalText }),
  },
});

const settings = readSettings();
const { client, db, sessions } = await connectDatabase(settings, 'fastify');
const { admit } = createCatalog(db, toPublicOffer);
const { begin, sign } = createSessions(settings);

const app = fastify({
  bodyLimit: MAX_REQUEST_BYTES,
  ajv: {
    customOptions: { coerceTypes: false, allowUnionTypes: true },
    onCreate(ajv) {
      ajv.addFormat('bcp47', (tag: string) => tag === '' || canonicalLocale(tag) !== undefined);
      ajv.addKeyword({
        keyword: 'maxJsonBytes',
        type: 'object',
        validate: (max: number, value: object) => Buffer.byteLength(JSON.stringify(value)) <= max,
      });
    },
  },
});

app.addHook('onRequest', (request, reply, done) => {
  reply.headers(browserHeaders(request.headers.origin));
  done();
});

app.setErrorHandler((error: FastifyError, _request, reply) => {
  const violations = error.validation?.map(({ instancePath, keyword, message = '' }) => ({
    field: instancePath.slice(1).replaceAll('/', '.'),
    rule: keyword,
    message,
  }));
  const { status, body } = publicRefusal(violations ? rulesBroken(violations) : error);
  return reply.code(status).send(body);
});

app.post<{ Body: OpenRequest }>(
  PUBLIC_PATH,
  { schema: { body: requestSchema, response: { 200: answerSchema } } },
  async ({ body, headers: { origin } }) => {
    const { view, offer } = await admit(body.publicKey, 'chat', origin);
    const { row, claims } = begin(view, body, 'chat', origin);
    await sessions.insertOne(row);
    return publicAnswer(sign(claims), claims, offer);
  },
);

announce({ http: await app.listen({ host: '127.0.0.1', port: 0 }) }, async () => {
  await app.close();
  await client.close();
});
