import { BSON, Double, Int32, Long, UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { isDuplicateKey } from '../../src/mongo/driver-errors.js';
import { contractSuite, type Doc, refusal } from './server.js';

const test = await contractSuite('values');

const STRANGE_TEXTS = [
  '$set',
  '$where',
  '$',
  'a.b',
  '.',
  '..',
  'session.exp',
  '__proto__',
  '',
  ' ',
  '\0',
  'a\0b',
];
const STRANGE_KEYS = [
  '$set',
  '$where',
  '$',
  'a.b',
  '.',
  '__proto__',
  'constructor',
  'toString',
  'length',
  '0',
  'é',
];

/** A document whose own members have these names, whatever the names mean to JavaScript. */
function withKeys(keys: readonly string[]): Record<string, unknown> {
  return JSON.parse(`{${keys.map((key, i) => `${JSON.stringify(key)}: ${i}`).join(', ')}}`);
}

const values: readonly (readonly [name: string, value: unknown])[] = [
  ['integers', [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)].map((n) => new Int32(n))],
  ['longs', ['0', '1', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808'].map(long)],
  ['doubles', [0, -0, 1, 1.5, 5e-324, 1.7976931348623157e308, 2 ** 53].map((n) => new Double(n))],
  ['no numbers', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((n) => new Double(n))],
  ['dates to the millisecond', [0, 1, -1, 1_763_839_072_289, 8.64e15].map((ms) => new Date(ms))],
  ['UUIDs', [new UUID(), new UUID('00000000-0000-0000-0000-000000000000')]],
  ['true, false and null', [true, false, null]],
  ['empty things', ['', [], {}, [[]], [{}]]],
  ['nested lists', [[[[1]]], [[], [[]]]]],
  [
    'strings with NUL, outside the BMP, and strange',
    [...STRANGE_TEXTS, '😀', '\u{10ffff}', '\uffff', 'e\u0301'],
  ],
  ['100 KB of text', 'añ😀'.repeat(12_500)],
  ['the order of members', new Map(['b', '10', 'a', '2', 'B'].map((name, i) => [name, i]))],
];

function long(text: string): Long {
  return Long.fromString(text);
}

for (const [name, value] of values) {
  test(`comes back byte for byte: ${name}`, async ({ db }) => {
    const sent = db.collection<Doc>('c', { ignoreUndefined: true });
    const raw = db.collection<Doc>('c', { raw: true });
    const read = async (_id: number) => Buffer.from((await raw.findOne({ _id })) as unknown as Uint8Array);
    await sent.insertOne({ _id: 1, value });
    await sent.insertOne({ _id: 2 });
    await sent.replaceOne({ _id: 2 }, { value });
    for (const _id of [1, 2]) {
      assert.is(
        (await read(_id)).toString('hex'),
        Buffer.from(BSON.serialize({ _id, value })).toString('hex'),
      );
    }
  });
}

test('keys of a stored sub-document are data, whatever they look like', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const variables = withKeys(STRANGE_KEYS);
  const asText = (document: Doc | null) => JSON.stringify(document?.['variables']);
  await collection.insertOne({ _id: 1, variables });
  assert.is(asText(await collection.findOne({ _id: 1 })), JSON.stringify(variables));
  await collection.replaceOne({ _id: 1 }, { other: 1, variables });
  assert.is(asText(await collection.findOne({ _id: 1 })), JSON.stringify(variables));
});

test('keys that a service of ours accepts survive every kind of write', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const keys = ['constructor', 'to_string', 'value_of', 'length', 'a_1', 'x'.repeat(64)];
  const variables = withKeys(keys);
  const expected = JSON.stringify(variables);
  await collection.insertOne({ _id: 1, variables });
  await collection.insertOne({ _id: 2 });
  await collection.replaceOne({ _id: 2 }, { variables });
  const found = await collection.find({}, { sort: { _id: 1 } }).toArray();
  assert.equal(
    found.map((document) => JSON.stringify(document['variables'])),
    Array(2).fill(expected),
  );
});

test('strings that look like operators and paths are found as strings, and nothing else by them', async ({
  db,
}) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ customerId: 1 });
  await collection.insertMany(STRANGE_TEXTS.map((customerId, _id) => ({ _id, customerId })));
  for (const [_id, customerId] of STRANGE_TEXTS.entries()) {
    const label = JSON.stringify(customerId);
    assert.equal(await collection.find({ customerId }).toArray(), [{ _id, customerId }], label);
    assert.equal(
      await collection.find({ customerId: { $in: [customerId] } }).toArray(),
      [{ _id, customerId }],
      label,
    );
  }
});

test('a NUL in an indexed string counts: unique, found, in order', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ k: 1 }, { unique: true });
  const texts = ['a', 'a\0', 'a\0\0', 'a\0b', 'a\x01', 'ab', '\0', ''];
  await collection.insertMany(texts.map((k) => ({ k })));
  for (const k of texts) {
    assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k }))), JSON.stringify(k));
    assert.is((await collection.findOne({ k }))?.['k'], k);
  }
  const inOrder = (await collection.find({}, { sort: { k: 1 } }).toArray()).map(({ k }) => k);
  assert.equal(inOrder, [...texts].sort());
});

test('indexed strings of 10 KB differ by their last character', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  await collection.createIndex({ k: 1 }, { unique: true });
  await collection.createIndex({ other: 1, at: -1 });
  const long = 'long '.repeat(2_000);
  await collection.insertMany(
    ['a', 'b'].map((end) => ({ _id: end, k: long + end, other: long + end, at: 1 })),
  );
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ k: `${long}a` }))));
  for (const end of ['a', 'b']) {
    assert.is((await collection.findOne({ k: long + end }))?._id, end);
    const found = await collection.find({ other: long + end }, { sort: { at: -1 } }).toArray();
    assert.equal(
      found.map(({ _id }) => _id),
      [end],
    );
  }
  await collection.replaceOne({ _id: 'a' }, { k: 'short', other: `${long}a`, at: 1 });
  await collection.insertOne({ _id: 'c', k: `${long}a` });
  assert.is((await collection.findOne({ k: 'short' }))?._id, 'a');
});

test('UUIDs as _id: one, several of them, and none of their neighbours', async ({ db }) => {
  const collection = db.collection<Doc>('c');
  const uuids = Array.from({ length: 20 }, () => new UUID());
  const [first = new UUID()] = uuids;
  await collection.insertMany(uuids.map((_id, n) => ({ _id, n })));
  assert.is((await collection.findOne({ _id: first }))?.['n'], 0);
  const some = [uuids[7], uuids[2], uuids[7], new UUID(), uuids[11]];
  const found = await collection.find({ _id: { $in: some } }, { projection: { n: 1 } }).toArray();
  assert.equal(
    found.map(({ n }) => Number(n)).sort((a, b) => a - b),
    [2, 7, 11],
  );
  assert.is(String(found[0]?._id).length, 36);
  assert.is(await collection.findOne({ _id: first.toString() }), null);
  assert.ok(isDuplicateKey(await refusal(collection.insertOne({ _id: first }))));
});
