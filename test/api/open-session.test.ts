import { randomUUID } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import { UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import type { Step } from '../parity/case.js';
import { type Answer, transports } from '../parity/transports.js';

const test = suite('open session', { fileTimeoutMs: 110_000 });
let service: TestApp;
test.before(async () => {
  service = await startTestApp({ env: { LOG_LEVEL: 'trace' } });
});
test.after(() => service.close());

const KEY = 'pk_live_00000000000000000000000000000001';
const ORIGIN = 'https://acme.com';
const UUID_TEXT = /^[0-9a-f-]{36}$/;

async function open(transport: keyof typeof transports, step: Step): Promise<Answer> {
  const send = transports[transport](service, { chat: {}, engine: { code: 'OK' }, origin: ORIGIN, ...step });
  if (!send) throw new Error(`${transport} cannot carry this`);
  return send();
}

function idOf(answer: Answer): string {
  const { body } = answer;
  if (typeof body === 'object' && body !== null && 'conversationId' in body)
    return String(body.conversationId);
  throw new Error(`no session: ${answer.raw}`);
}

/** A stored conversation, with its BSON types as the driver gives them. */
async function stored(id: string): Promise<Record<string, unknown> | null> {
  return service.withDatabase((client, name) =>
    client
      .db(name)
      .collection('conversations')
      .findOne({ _id: new UUID(id) as never }),
  );
}

/** Any JSON value, with the odd ones often: what rules and encodings trip over. */
const anyVariables = fc.dictionary(
  fc.oneof(
    { weight: 6, arbitrary: fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '$set', 'a.b', '', 'É', 'A'),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
  ),
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ),
    },
    { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
    {
      weight: 2,
      arbitrary: fc.array(
        fc.oneof(
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.string({ unit: 'grapheme' }),
          fc.array(fc.array(fc.integer())),
        ),
        { maxLength: 4 },
      ),
    },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 6 }) },
  ),
  { maxKeys: 8 },
);

test(
  'any variables: all transports agree, and what is stored equals what was sent',
  async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(anyVariables, async (variables) => {
        // What JSON carries: -0 is the number 0 in its text.
        const sent: Record<string, unknown> = JSON.parse(JSON.stringify(variables));
        const step = { request: { publicKey: KEY, variables: sent } };
        const answers = await Promise.all(
          (Object.keys(transports) as (keyof typeof transports)[]).map((name) => open(name, step)),
        );
        const [first, ...others] = answers;
        for (const answer of others) {
          assert.is(
            answer.reason === undefined,
            first?.reason === undefined,
            `${answer.raw} / ${first?.raw}`,
          );
          assert.equal(answer.violations, first?.violations);
        }
        if (first?.reason !== undefined) return;
        accepted++;
        for (const answer of answers) {
          const row = await stored(idOf(answer));
          assert.equal(JSON.stringify(row?.['variables']), JSON.stringify(sent));
        }
      }),
      { numRuns: 150 },
    );
    assert.ok(accepted > 20, `only ${accepted} were accepted: the generator is off`);
  },
  { timeoutMs: 60_000 },
);

test('a row holds what was said, in its canonical form, and nothing that was not', async () => {
  const sent = { publicKey: KEY, customerId: 'u-42', locale: 'EN-gb', variables: { a: [1, null, 'x'] } };
  const chat = await stored(idOf(await open('public path', { request: sent })));
  const { _id, tenantId, keyId, session, createdAt, updatedAt, purgeAt, revision, ...rest } = chat ?? {};
  assert.is(revision, 1);
  assert.equal(rest, {
    customerId: 'u-42',
    locale: 'en-GB',
    variables: { a: [1, null, 'x'] },
    origin: ORIGIN,
    surface: 'chat',
  });
  for (const uuid of [_id, tenantId, keyId]) assert.match(String(uuid), UUID_TEXT);
  const { iat, exp } = session as { iat: Date; exp: Date };
  assert.is(exp.getTime() - iat.getTime(), 3_600_000);
  assert.is(iat.getTime() % 1000, 0);
  assert.is((purgeAt as Date).getTime() - (createdAt as Date).getTime(), 90 * 86_400_000);
  assert.equal(createdAt, updatedAt);

  const engine = await stored(idOf(await open('gRPC', { request: { publicKey: KEY, customerId: '' } })));
  assert.is(engine?.['surface'], 'engine');
  assert.equal(engine?.['variables'], {});
  for (const absent of ['customerId', 'locale', 'origin', 'idempotency', 'endedAt'])
    assert.not(absent in (engine ?? {}), absent);
});

test('nothing is written for a refused request', async () => {
  const count = () =>
    service.withDatabase(async (client, name) => {
      const ids = client
        .db(name)
        .collection('conversations')
        .find({}, { projection: { _id: 1 } });
      return (await ids.toArray()).length;
    });
  const before = await count();
  const refused: Step[] = [
    { request: { publicKey: KEY, locale: '!' } },
    { request: { publicKey: 'pk_live_00000000000000000000000000000099' } },
    { request: { publicKey: KEY }, origin: 'https://evil.example' },
    { request: { publicKey: KEY }, headers: { 'idempotency-key': 'short' } },
  ];
  for (const step of refused) assert.ok((await open('public path', step)).reason);
  assert.is(await count(), before);
});

for (const name of ['public path', 'gRPC'] as const) {
  test(`50 concurrent opens with one idempotency key make one row [${name}]`, async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const step = { request: { publicKey: KEY, customerId: `concurrent ${name}` }, headers };
    const answers = await Promise.all(Array.from({ length: 50 }, () => open(name, step)));
    assert.is(new Set(answers.map((answer) => answer.raw)).size, 1);
    const rows = await service.withDatabase((client, database) =>
      client
        .db(database)
        .collection('conversations')
        .find({ customerId: `concurrent ${name}` })
        .toArray(),
    );
    assert.is(rows.length, 1);
    assert.is(String(rows[0]?._id), idOf(answers[0] as Answer));
  });
}

test('neither keys, tokens, customers nor variables reach the log', async () => {
  const secrets = { key: randomUUID(), customer: 'customer-0815', variable: 'value-0815' };
  const request = { publicKey: KEY, customerId: secrets.customer, variables: { a: secrets.variable } };
  const answer = await open('public path', { request, headers: { 'idempotency-key': secrets.key } });
  await open('public path', {
    request: { ...request, locale: '!' },
    headers: { 'idempotency-key': secrets.key },
  });
  const log = service.logged().join('');
  const token = (answer.body as { sessionToken: string }).sessionToken;
  for (const secret of [...Object.values(secrets), token]) assert.not(log.includes(secret));
  assert.match(log, '"code":"validation_failed"');
});
