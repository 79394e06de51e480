import { connect, type NetConnectOpts } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NetworkProxy, startProxy } from '@chatsessions/test-harness';
import { MongoClient, type MongoClientOptions, MongoNetworkError } from 'mongodb';
import * as assert from 'uvu/assert';
import { isDuplicateKey } from '../../src/mongo/driver-errors.js';
import { concerns, contractSuite, type Doc, refusal } from './server.js';

const test = await contractSuite('concurrency and connections');

interface Counter {
  readonly _id: number;
  readonly revision: number;
  readonly by: readonly number[];
}

const WRITERS = Array.from({ length: 64 }, (_, writer) => writer);

test(
  'compare-and-set by replaceOne: 64 writers lose no update',
  async ({ db }) => {
    const collection = db.collection<Counter>('cas');
    await collection.insertOne({ _id: 1, revision: 0, by: [] });
    await Promise.all(
      WRITERS.map(async (writer) => {
        for (;;) {
          const seen = await collection.findOne({ _id: 1 });
          const revision = seen?.revision ?? 0;
          const by = [...(seen?.by ?? []), writer];
          const { matchedCount } = await collection.replaceOne(
            { _id: 1, revision },
            { revision: revision + 1, by },
          );
          if (matchedCount === 1) return;
        }
      }),
    );
    const end = await collection.findOne({ _id: 1 });
    assert.is(end?.revision, WRITERS.length);
    assert.equal(
      [...(end?.by ?? [])].sort((a, b) => a - b),
      WRITERS,
    );
  },
  { timeoutMs: 90_000 },
);

test('64 inserts of one _id at the same time: one is written, the others are duplicates', async ({ db }) => {
  const collection = db.collection<Doc>('race');
  const sent = await Promise.allSettled(WRITERS.map((by) => collection.insertOne({ _id: 'same', by })));
  const refused = sent.filter((one) => one.status === 'rejected');
  assert.is(refused.length, WRITERS.length - 1);
  for (const { reason } of refused) assert.ok(isDuplicateKey(reason), String(reason));
  assert.is((await collection.find().toArray()).length, 1);
});

test('what is acknowledged is read by the next, on any connection', async ({ db, uri }) => {
  const other = await new MongoClient(uri, concerns).connect();
  try {
    const mine = db.collection<Doc>('c');
    const theirs = other.db(db.databaseName).collection<Doc>('c');
    for (let n = 0; n < 100; n++) {
      await mine.insertOne({ _id: n });
      assert.equal(await theirs.findOne({ _id: n }), { _id: n });
    }
  } finally {
    await other.close();
  }
});

test('a write whose answer was lost has landed: sent again, it is a duplicate', async ({ db, client }) => {
  await throughProxy(client, async (proxied, proxy) => {
    const collection = proxied.db(db.databaseName).collection<Doc>('c');
    await collection.insertOne({ _id: 'warm' });
    proxy.cutAfter((request) => request.includes('landed'));
    assert.instance(await refusal(collection.insertOne({ _id: 'landed', v: 1 })), MongoNetworkError);
    // It was sent whole, but nobody waits for it any more: it may take a moment.
    const stored = db.collection<Doc>('c');
    for (let i = 0; i < 100 && !(await stored.findOne({ _id: 'landed' })); i++) await sleep(20);
    assert.ok(isDuplicateKey(await refusal(collection.insertOne({ _id: 'landed', v: 2 }))));
    assert.equal(await stored.findOne({ _id: 'landed' }), { _id: 'landed', v: 1 });
  });
});

test('connections aborted in mid-operation: others go on, each document is there whole or not at all', async ({
  db,
  client,
}) => {
  const text = 'x'.repeat(2_000);
  const collection = db.collection<Doc>('c');
  await collection.insertOne({ _id: 'warm' });
  let isOver = false;
  const steady = (async () => {
    let done = 0;
    for (; !isOver; done++) await collection.insertOne({ _id: `steady-${done}`, text });
    return done;
  })();
  for (let round = 0; round < 5; round++) {
    await throughProxy(client, async (proxied, proxy) => {
      const aborted = proxied.db(db.databaseName).collection<Doc>('c');
      await aborted.findOne({});
      const batches = Array.from({ length: 8 }, (_, b) =>
        Array.from({ length: 100 }, (_, i) => ({ _id: `${round}-${b}-${i}`, text })),
      );
      const sent = Promise.allSettled(batches.map((batch) => aborted.insertMany(batch, { ordered: false })));
      await sleep(round * 4);
      proxy.set('cut');
      await sent;
    });
  }
  isOver = true;
  const done = await steady;
  assert.ok(done > 0);
  const found = await collection.find({ _id: { $gt: '0', $lt: 'warm' } }).toArray();
  assert.ok(found.every((document) => document['text'] === text));
  assert.is(found.filter(({ _id }) => String(_id).startsWith('steady')).length, done);
  // What was cut off may be sent again: it is written, or was.
  const again = collection.insertOne({ _id: '0-0-0', text });
  await again.catch((error: unknown) => assert.ok(isDuplicateKey(error), String(error)));
  assert.equal(await collection.findOne({ _id: '0-0-0' }), { _id: '0-0-0', text });
});

test('half a message and silence, or an end in the middle of one, harm nobody', async ({ db, client }) => {
  const halves = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const socket = connect(targetOf(client));
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      const head = Buffer.alloc(16);
      head.writeInt32LE(200, 0);
      head.writeInt32LE(i, 4);
      head.writeInt32LE(2013, 12);
      socket.write(i % 2 === 0 ? head : head.subarray(0, 7));
      return socket;
    }),
  );
  for (const socket of halves.slice(0, 4)) socket.destroy();
  const collection = db.collection<Doc>('c');
  for (let n = 0; n < 20; n++) await collection.insertOne({ _id: n });
  assert.is((await collection.find().toArray()).length, 20);
  for (const socket of halves) socket.destroy();
});

/** Where the driver connects to. */
function targetOf(client: MongoClient): NetConnectOpts {
  const { socketPath, host, port } = client.options.hosts[0] ?? {};
  return socketPath === undefined ? { host, port: port ?? 27017 } : { path: socketPath };
}

/** Gives `body` a client that reaches the server by a way that can be cut, and sends nothing twice by itself. */
async function throughProxy(
  client: MongoClient,
  body: (proxied: MongoClient, proxy: NetworkProxy) => Promise<void>,
): Promise<void> {
  const proxy = await startProxy(targetOf(client));
  const options: MongoClientOptions = { ...concerns, retryWrites: false, retryReads: false };
  const proxied = new MongoClient(`mongodb://${proxy.address}/?directConnection=true`, options);
  try {
    await body(proxied, proxy);
  } finally {
    await proxied.close();
    await proxy.close();
  }
}
