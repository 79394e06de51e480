import { suite } from '@chatsessions/test-harness';
import type { Database } from 'chatsessions/mongo/database.js';
import { mongoConversations } from 'chatsessions/mongo/mongo-conversations.js';
import { MongoNotConnectedError } from 'mongodb';
import * as assert from 'uvu/assert';
import { insertShops, shop } from '../src/scaling/catalogue.js';
import { fill } from '../src/scaling/fill.js';
import { variablesOf } from '../src/scaling/request-curves.js';
import { storedConversation } from '../src/scaling/stored-conversation.js';
import { databasesOf, type Place } from '../src/servers/place.js';
import type { ServerProcess } from '../src/servers/server-process.js';

const test = suite('bench: what databases are filled with');

const SHOPS = [shop(0), shop(1), shop(2, 200)];
const END = Date.now();
const history = { shops: SHOPS, total: 5_000, end: END };

let place: Place;
let service: ServerProcess;
let database: Database;

test.before(async () => {
  place = await (await databasesOf(process.env)).create();
  service = await place.start();
  database = await place.open();
});
test.after(async () => {
  await database?.close();
  await service?.stop();
  await place?.remove();
});

test('a conversation that was filled in reads back as the service reads it', async () => {
  const end = await fill(database, { history, from: 0, to: 1_234, onProgress: () => {} });
  assert.is(end, 1_234);
  const store = mongoConversations(database, Date.now);
  for (const number of [0, 1, 2, 3, 4, 5, 499, 500, 777, 1_233]) {
    const wanted = storedConversation(number, history);
    assert.equal(await store.find(wanted.id), wanted);
  }
  assert.is(await store.find(storedConversation(1_234, history).id), undefined);
});

test('filling goes on where it was broken off, and rows that are there do no harm', async () => {
  await fill(database, { history, from: 1_000, to: 2_000, onProgress: () => {} });
  const ids = new Set<string>();
  for await (const { _id } of database.conversations.find({}, { projection: { _id: 1 } })) {
    ids.add(_id.toString('hex'));
  }
  assert.is(ids.size, 2_000);
});

test('a fill whose time is over stops, and says how far it came', async () => {
  assert.is(
    await fill(database, { history, from: 3_000, to: 4_000, onProgress: () => {}, isOver: () => true }),
    3_000,
  );
});

test('a batch that is refused for good is an error', async () => {
  const closed = await place.open();
  await closed.close();
  await fill(closed, { history, from: 0, to: 10, onProgress: () => {}, retryMs: 0 }).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, MongoNotConnectedError),
  );
});

test('the same number makes the same conversation; others are of many kinds', () => {
  assert.equal(storedConversation(42, history), storedConversation(42, history));
  const all = Array.from({ length: 2_000 }, (_, number) => storedConversation(number, history));
  assert.is(new Set(all.map(({ id }) => id)).size, all.length);
  assert.is(new Set(all.map(({ session }) => session.jti)).size, all.length);
  const share = (isSo: (one: (typeof all)[number]) => boolean) => all.filter(isSo).length / all.length;
  assert.ok(Math.abs(share(({ endedAt }) => endedAt !== undefined) - 1 / 3) < 0.05);
  assert.ok(Math.abs(share(({ customerId }) => customerId !== undefined) - 0.4) < 0.05);
  assert.ok(Math.abs(share(({ customerVerified }) => customerVerified) - 0.1) < 0.05);
  assert.ok(Math.abs(share(({ changes }) => changes.length > 0) - 0.2) < 0.05);
  assert.is(new Set(all.map(({ tenantId }) => tenantId)).size, SHOPS.length);
  const times = all.map(({ createdAt }) => createdAt);
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.ok(all.every(({ purgeAt }) => purgeAt > END));
});

test('a shop opens sessions, with as many intents as it was given', async () => {
  await insertShops(database, SHOPS);
  for (const [number, count] of [
    [0, 6],
    [2, 200],
  ] as const) {
    const answer = await fetch(`${service.http}/api/public/v1/chat/sessions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: 'http://localhost:3000' },
      body: JSON.stringify({ publicKey: SHOPS[number]?.key.publicKey, variables: variablesOf(4_096) }),
    });
    assert.is(answer.status, 200);
    const { intents, quickQuestions } = JSON.parse(await answer.text());
    assert.is(intents.length, count);
    assert.is(quickQuestions[0].intentName, intents[0].name);
  }
});

for (const bytes of [64, 512, 1_024, 2_048, 4_096]) {
  test(`variables of ${bytes} bytes`, () => {
    assert.is(Buffer.byteLength(JSON.stringify(variablesOf(bytes))), bytes);
  });
}

test('no variables at all', () => {
  assert.equal(variablesOf(0), {});
});
