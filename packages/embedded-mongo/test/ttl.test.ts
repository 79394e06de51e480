import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type Doc, withServer } from './running.js';

const test = suite('embedded: TTL');
const running = withServer(test, { ttlSweepMs: 50 });

for (const direction of [1, -1] as const) {
  test(`what has expired goes, the rest stays; index direction ${direction}`, async () => {
    const { db } = running();
    const collection = db.collection<Doc>('t');
    const past = new Date(Date.now() - 3_600_000);
    const stays = [
      { _id: 'future', at: new Date(Date.now() + 3_600_000) },
      { _id: 'none' },
      { _id: 'null', at: null },
      { _id: 'number', at: 0 },
      { _id: 'text', at: 'long ago' },
    ];
    await collection.insertMany(stays);
    await collection.insertMany(Array.from({ length: 450 }, (_, i) => ({ _id: i, at: past })));
    await collection.createIndex({ at: direction }, { expireAfterSeconds: 60 });
    let left = 455;
    while (left > stays.length) {
      await sleep(20);
      left = (await collection.find().toArray()).length;
    }
    assert.equal(
      (await collection.find().toArray()).map(({ _id }) => _id).sort(),
      stays.map(({ _id }) => _id).sort(),
    );
  });
}
