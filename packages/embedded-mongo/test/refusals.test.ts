import { suite } from '@chatsessions/test-harness';
import { Decimal128, type Document, Long, MinKey } from 'mongodb';
import * as assert from 'uvu/assert';
import { type Doc, refusal, withServer } from './running.js';

const test = suite('embedded: refusals');
const running = withServer(test);

/** Whether a command was answered with errors of its statements. */
function isAnswer(answer: unknown): answer is { writeErrors: { code: number; errmsg: string }[] } {
  return typeof answer === 'object' && answer !== null && 'writeErrors' in answer;
}

test('what is not supported is refused by its name', async () => {
  const { db, client } = running();
  const collection = db.collection('a');
  const cases: [() => Promise<unknown>, number, RegExp][] = [
    [() => db.command({ aggregate: 'a', pipeline: [], cursor: {} }), 59, /aggregate/],
    [() => collection.findOneAndUpdate({}, { $set: { x: 1 } }), 59, /findAndModify/],
    [() => collection.findOneAndReplace({}, { x: 1 }), 59, /findAndModify/],
    [() => collection.findOneAndDelete({}), 59, /findAndModify/],
    [() => collection.distinct('a'), 59, /distinct/],
    [() => collection.deleteOne({}), 72, /delete\.deletes\.limit/],
    [() => collection.deleteMany({}, { hint: 'x_1' }), 72, /delete\.deletes\.hint/],
    [() => collection.deleteMany({}, { collation: { locale: 'en' } }), 72, /collation/],
    [() => db.command({ delete: 'a', deletes: [{ q: {} }] }), 72, /delete\.deletes\.limit/],
    [() => db.command({ delete: 'a', deletes: [{ limit: 0 }] }), 14, /delete\.deletes\.q/],
    [() => db.command({ insert: 'a', documents: [{}], comment: 'x' }), 72, /insert\.comment/],
    [() => db.command({ insert: 'a', documents: [{}], writeConcern: { wtimeout: 1 } }), 72, /wtimeout/],
    [
      () => db.command({ insert: 'a', documents: [{}], $readPreference: { mode: 'primary' } }),
      72,
      /readPref/,
    ],
    [() => db.command({ hello: 1, loadBalanced: true }), 72, /hello\.loadBalanced/],
    [
      () => db.command({ insert: 'a', documents: [{}], bypassDocumentValidation: true }),
      72,
      /bypassDocumentValidation/,
    ],
    [() => db.command({ insert: 'a', documents: [{}], txnNumber: Long.fromNumber(1) }), 20, /txnNumber/],
    [() => db.command({ find: 'a', readConcern: { level: 'snapshot' } }), 72, /snapshot/],
    [() => db.command({ insert: 'a', documents: [] }), 9, /batch sizes/],
    [() => db.command({ insert: '', documents: [{}] }), 73, /collection name/],
    [() => client.db('admin').command({ replSetGetStatus: 1 }), 59, /replSetGetStatus/],
  ];
  for (const [body, code, message] of cases) {
    // An error of a statement is in the answer when the command is sent raw.
    const refused = await refusal(
      body().then((answer) => {
        const [error] = isAnswer(answer) ? answer.writeErrors : [];
        if (error) throw Object.assign(new Error(error.errmsg), { code: error.code });
      }),
    );
    assert.is(refused.code, code, refused.message);
    assert.match(refused.message, message);
  }
  await refusal(
    client.withSession((session) => session.withTransaction(() => collection.insertOne({}, { session }))),
  );
  assert.is(await collection.findOne({}), null);
});

const operators = [
  ...['$set', '$unset', '$inc', '$mul', '$min', '$max', '$rename', '$currentDate', '$setOnInsert', '$bit'],
  ...['$push', '$pull', '$pullAll', '$addToSet', '$pop'],
];

test('update operators and other forms of an update are refused by their names, and change nothing', async () => {
  const { db } = running();
  await db.collection<Doc>('u').insertOne({ _id: 1, a: 1 });
  const cases: [Document, number, RegExp][] = [
    ...operators.map((operator): [Document, number, RegExp] => [
      { q: { _id: 1 }, u: { [operator]: { a: 1 } } },
      9,
      new RegExp(`operator \\${operator}:`),
    ]),
    [{ q: { _id: 1 }, u: [{ $set: { a: 2 } }] }, 14, /update\.updates\.u/],
    [{ q: { _id: 1 } }, 14, /update\.updates\.u/],
    [{ u: { a: 2 } }, 14, /update\.updates\.q/],
    [{ q: { a: 1 }, u: { a: 2 } }, 72, /update\.updates\.q/],
    [{ q: { _id: { $in: [1] } }, u: { a: 2 } }, 72, /update\.updates\.q/],
    ...['multi', 'upsert', 'arrayFilters', 'sort', 'hint', 'collation', 'c'].map(
      (option): [Document, number, RegExp] => [
        { q: { _id: 1 }, u: { a: 2 }, [option]: true },
        72,
        new RegExp(`update\\.updates\\.${option}'`),
      ],
    ),
    [{ q: { _id: 1 }, u: { _id: 2, a: 1 } }, 66, /_id/],
  ];
  for (const [statement, code, message] of cases) {
    const { writeErrors, n } = await db.command({ update: 'u', updates: [statement] });
    assert.equal([writeErrors?.[0].code, n], [code, 0], JSON.stringify(statement));
    assert.match(writeErrors[0].errmsg, message);
    assert.equal(await db.collection<Doc>('u').findOne({}), { _id: 1, a: 1 });
  }
});

const refusedFilters: [Document, RegExp][] = [
  ...['$ne', '$nin', '$eq', '$all', '$type', '$regex', '$size', '$mod', '$elemMatch', '$near'].map(
    (operator): [Document, RegExp] => [{ a: { [operator]: 1 } }, new RegExp(`operator \\${operator}$`)],
  ),
  ...['$and', '$nor', '$where', '$expr', '$text', '$comment'].map((operator): [Document, RegExp] => [
    { [operator]: [{}] },
    new RegExp(`operator \\${operator}$`),
  ]),
  [{ 'a.b': 1 }, /here 'a\.b'/],
  [{ '': 1 }, /here ''/],
  [{ a: { $gt: 1, b: 2 } }, /operator b$/],
  [{ a: { b: 1 } }, /type object/],
  [{ a: [1] }, /type array/],
  [{ a: { $in: [[1]] } }, /type array/],
  [{ a: /x/ }, /type regex/],
  [{ a: Decimal128.fromString('1') }, /type decimal/],
  [{ a: { $gt: new MinKey() } }, /type minKey/],
  [{ a: { $exists: 1 } }, /\$exists/],
  [{ a: { $in: 1 } }, /\$in/],
  [{ a: { $not: 1 } }, /\$not/],
  [{ $or: [] }, /\$or/],
  [{ $or: [1] }, /\$or/],
  [{ $or: [{ a: { $ne: 1 } }] }, /operator \$ne$/],
];

test('a filter with anything else is refused by its name, even where there is nothing to find', async () => {
  const { db } = running();
  for (const [filter, message] of refusedFilters) {
    const refused = await refusal(db.collection('none').find(filter).toArray());
    assert.is(refused.code, 2, JSON.stringify(filter));
    assert.match(refused.message, message);
    assert.match((await refusal(db.collection('none').deleteMany(filter))).message, message);
  }
});

test('options, projections and sorts that are not served are refused by their names', async () => {
  const { db } = running();
  await db.collection<Doc>('a').insertOne({ _id: 1, list: [2, 1] });
  const cases: [Document, number, RegExp][] = [
    [{ skip: 1 }, 72, /find\.skip/],
    [{ hint: { a: 1 } }, 72, /find\.hint/],
    [{ collation: { locale: 'en' } }, 72, /find\.collation/],
    [{ tailable: true }, 72, /find\.tailable/],
    [{ noCursorTimeout: true }, 72, /find\.noCursorTimeout/],
    [{ maxTimeMS: 5 }, 72, /find\.maxTimeMS/],
    [{ comment: 'x' }, 72, /find\.comment/],
    [{ projection: { a: 0 } }, 2, /here 'a'/],
    [{ projection: { _id: 0 } }, 2, /here '_id'/],
    [{ projection: { a: { $slice: 1 } } }, 2, /here 'a'/],
    [{ projection: { 'a.b': 1 } }, 2, /here 'a\.b'/],
    [{ sort: { a: 2 } }, 2, /a$/],
    [{ sort: { a: { $meta: 'textScore' } } }, 2, /a$/],
    [{ sort: { 'a.b': 1 } }, 2, /here 'a\.b'/],
    [{ sort: { list: 1 } }, 201, /arrays, here 'list'/],
    [{ limit: -1 }, 2, /find\.limit/],
  ];
  for (const [options, code, message] of cases) {
    const refused = await refusal(db.command({ find: 'a', ...options }));
    assert.is(refused.code, code, JSON.stringify(options));
    assert.match(refused.message, message);
  }
});
