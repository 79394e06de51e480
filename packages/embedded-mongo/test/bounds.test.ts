import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { type Cursor, openCursors } from '../src/commands/cursors.js';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: bounds of one client');
const running = withServer(test);

test('33 fields to sort by are too many, and so is a 65th index', async () => {
  const collection = running().db.collection<Doc>('c');
  const fields = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`f${i}`, 1 as const]));
  assert.is((await refusal(collection.find().sort(fields).toArray())).code, 2);
  await collection.createIndexes(Array.from({ length: 63 }, (_, i) => ({ key: { [`f${i}`]: 1 } })));
  assert.is((await refusal(collection.createIndex({ more: 1 }))).code, 67);
  assert.is((await collection.listIndexes().toArray()).length, 64);
});

test('of more than 1,000 open cursors the longest unused is dropped', async () => {
  const { db } = running();
  await db.collection<Doc>('c').insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
  const ids = [];
  for (let n = 0; n < 1_001; n++) ids.push((await db.command({ find: 'c', batchSize: 1 })).cursor.id);
  assert.is((await refusal(db.command({ getMore: ids[0], collection: 'c' }))).code, 43);
  for (const id of [ids[1], ids.at(-1)])
    assert.is((await db.command({ getMore: id, collection: 'c', batchSize: 1 })).cursor.nextBatch.length, 1);
});

const megabytes = 1024 * 1024;
const cursorOf = (heldBytes: number): Cursor => ({
  namespace: 'a.b',
  documents: [].values(),
  pending: undefined,
  left: 1,
  project: (bytes) => bytes,
  heldBytes,
});

test('cursors hold at most 200 MiB of sorted documents together', () => {
  const cursors = openCursors(() => 0);
  const [first, second] = [cursors.keep(cursorOf(100 * megabytes)), cursors.keep(cursorOf(60 * megabytes))];
  // Used since: the second is the longest unused.
  cursors.putBack(first, cursors.take(first, 'a.b'));
  const third = cursors.keep(cursorOf(90 * megabytes));
  assert.not(cursors.kill(second, 'a.b'));
  assert.ok(cursors.kill(first, 'a.b') && cursors.kill(third, 'a.b'));
  // What was dropped is given back.
  const kept = [1, 2].map(() => cursors.keep(cursorOf(100 * megabytes)));
  assert.ok(kept.every((id) => cursors.kill(id, 'a.b')));
});
