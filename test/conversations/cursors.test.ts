import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Cursors, createCursors, type Place, type Query } from '../../src/conversations/cursors.js';
import { ServiceError } from '../../src/rpc/errors.js';

const test = suite('cursors');

const SECRETS = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)] as const;
const cursors = createCursors([SECRETS[0]]);
const QUERY: Query = ['ListConversations', 'tenant-1', 'u-42', 1, undefined, false];
const PLACE: Place = { time: 1_700_000_000_123, id: '0193aa00-0000-7000-8000-000000000001' };
const CURSOR = cursors.make(QUERY, PLACE);

/** The place that a cursor names, or the code of its refusal. */
function read(cursor: string, query: Query = QUERY, by: Cursors = cursors): Place | string {
  try {
    return by.read(query, cursor, 'pageToken');
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    assert.match(error.message, 'pageToken');
    return error.code;
  }
}

const PLACES: readonly (readonly [name: string, place: Place])[] = [
  ['a time and an id', PLACE],
  ['a time alone', { time: 1_700_000_000_123, id: '' }],
  ['the epoch', { time: 0, id: '' }],
  ['the year 9999', { time: 253_402_300_799_999, id: PLACE.id }],
];
for (const [name, place] of PLACES) {
  test(`comes back: ${name}`, () => {
    const cursor = cursors.make(QUERY, place);
    assert.equal(read(cursor), place);
    assert.match(cursor, /^[A-Za-z0-9_-]{51}$/, 'is URL-safe, and as long as any other');
  });
}

const OTHER_QUERIES: readonly (readonly [name: string, query: Query])[] = [
  ['of another RPC', ['WatchConversations', 'tenant-1', 'u-42', 1, undefined, false]],
  ['of another tenant', ['ListConversations', 'tenant-2', 'u-42', 1, undefined, false]],
  ['of another customer', ['ListConversations', 'tenant-1', 'u-43', 1, undefined, false]],
  ['of no customer', ['ListConversations', 'tenant-1', undefined, 1, undefined, false]],
  ['of an empty customer', ['ListConversations', 'tenant-1', '', 1, undefined, false]],
  ['from another time', ['ListConversations', 'tenant-1', 'u-42', 2, undefined, false]],
  ['from a time as text', ['ListConversations', 'tenant-1', 'u-42', '1', undefined, false]],
  ['before a time', ['ListConversations', 'tenant-1', 'u-42', 1, 2, false]],
  ['before the epoch', ['ListConversations', 'tenant-1', 'u-42', 1, 0, false]],
  ['with the times swapped', ['ListConversations', 'tenant-1', 'u-42', undefined, 1, false]],
  ['of verified ones', ['ListConversations', 'tenant-1', 'u-42', 1, undefined, true]],
  ['with a parameter less', ['ListConversations', 'tenant-1', 'u-42', 1, undefined]],
  ['with a parameter more', ['ListConversations', 'tenant-1', 'u-42', 1, undefined, false, undefined]],
];
for (const [name, query] of OTHER_QUERIES) {
  test(`is not of a query ${name}`, () => assert.is(read(CURSOR, query), 'invalid_input'));
}

/** Parameters that would be the same if they were only written one behind the other. */
const ALIKE: readonly (readonly [Query, Query])[] = [
  [
    ['List', 'a', 'b,c'],
    ['List', 'a,b', 'c'],
  ],
  [
    ['List', 'a","b', 'c'],
    ['List', 'a', 'b","c'],
  ],
  [
    ['List', 'a~b', ''],
    ['List', 'a', 'b~'],
  ],
  [
    ['List', 'a', undefined],
    ['List', 'a', ''],
  ],
  [
    ['List', 'a', undefined],
    ['List', 'a', 'null'],
  ],
  [
    ['List', 'a', 'undefined'],
    ['List', 'a', undefined],
  ],
  [
    ['List', 'a', true],
    ['List', 'a', 'true'],
  ],
  [
    ['List', 'a', 1],
    ['List', 'a', '1'],
  ],
  [
    ['List', 'ab'],
    ['List', 'a', 'b'],
  ],
  [['Lista'], ['List', 'a']],
  [
    ['List', '\\"'],
    ['List', '"'],
  ],
  [
    ['List', '\ud800'],
    ['List', '\ufffd'],
  ],
  [
    ['List', 'é'],
    ['List', 'e\u0301'],
  ],
];
for (const [one, another] of ALIKE) {
  test(`${JSON.stringify(one)} and ${JSON.stringify(another)} are two queries`, () => {
    assert.equal(read(cursors.make(one, PLACE), one), PLACE);
    assert.is(read(cursors.make(one, PLACE), another), 'invalid_input');
    assert.is(read(cursors.make(another, PLACE), one), 'invalid_input');
  });
}

test('says nothing to who reads it: no part of it is alike for places or queries that are nearly the same', () => {
  const near = [
    cursors.make(QUERY, { ...PLACE, time: PLACE.time + 1 }),
    cursors.make(QUERY, { ...PLACE, id: PLACE.id.replace(/1$/, '2') }),
    cursors.make(['ListConversations', 'tenant-1', 'u-42', 1, undefined, true], PLACE),
    createCursors([SECRETS[1]]).make(QUERY, PLACE),
  ];
  for (const cursor of near) {
    // 38 random bytes share four places and more with others about once in 4 million pairs.
    const [one, other] = [CURSOR, cursor].map((text) => Buffer.from(text, 'base64url'));
    const alike = [...(one ?? [])].filter((byte, at) => byte === other?.[at]).length;
    assert.ok(alike < 4, cursor);
  }
  assert.not.match(Buffer.from(CURSOR, 'base64url').toString('hex'), '0193aa00');
  assert.is(cursors.make(QUERY, PLACE), CURSOR, 'the same place makes the same cursor');
});

/** Another character that says the same: the last one has two bits more than 38 bytes need. */
function spare(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) ^ 1] ?? '';
}

const OTHER = cursors.make(QUERY, { time: 1, id: '' });
const BROKEN: readonly (readonly [name: string, cursor: string])[] = [
  ['nothing', ''],
  ['a tag alone', CURSOR.slice(0, 22)],
  ['zeros', 'A'.repeat(51)],
  ['spare bits that are set', CURSOR.slice(0, -1) + spare(CURSOR.slice(-1))],
  ['a character less', CURSOR.slice(0, -1)],
  ['a character more', `${CURSOR}A`],
  ['a line break behind', `${CURSOR}\n`],
  ['white space before', ` ${CURSOR}`],
  ['padding', `${CURSOR}=`],
  ['the other alphabet of base64', `${CURSOR.slice(0, -1)}+`],
  ['another place’s tag', OTHER.slice(0, 21) + CURSOR.slice(21)],
  ['another place behind the tag', CURSOR.slice(0, 22) + OTHER.slice(22)],
  ['a cursor of earlier versions', `${PLACE.time}~${PLACE.id}~AAAAAAAAAAAAAAAAAAAAAA`],
  ['100,000 characters', 'A'.repeat(100_000)],
  ['a session token', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA'],
];
for (const [name, cursor] of BROKEN) {
  test(`refuses ${name}`, () => assert.is(read(cursor), 'invalid_input'));
}

test('whatever is changed in a cursor, it is refused: each has one spelling', () => {
  const anyCharacter = fc.oneof(
    { weight: 8, arbitrary: fc.stringMatching(/^[A-Za-z0-9_~-]$/) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  );
  const anyCut = fc.tuple(fc.nat(CURSOR.length), fc.nat(2), fc.array(anyCharacter, { maxLength: 2 }));
  fc.assert(
    fc.property(fc.array(anyCut, { minLength: 1, maxLength: 3 }), (cuts) => {
      const changed = cuts.reduce(
        (text, [at, gone, put]) => text.slice(0, at) + put.join('') + text.slice(at + gone),
        CURSOR,
      );
      if (changed !== CURSOR) assert.is(read(changed), 'invalid_input', changed);
    }),
    { numRuns: 20_000 },
  );
});

test('a cursor is of the query that it was made for, and of no other', () => {
  const anyValue = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom('', ',', '"', '~', 'null', undefined, true, false, 0, 1),
  );
  const anyQuery = fc.array(anyValue, { maxLength: 3 }).map((values): Query => ['List', ...values]);
  fc.assert(
    fc.property(anyQuery, anyQuery, (one, another) => {
      const same = one.length === another.length && one.every((value, i) => value === another[i]);
      assert.equal(read(cursors.make(one, PLACE), another), same ? PLACE : 'invalid_input');
    }),
    { numRuns: 5_000 },
  );
});

const ROTATION: readonly (readonly [
  name: string,
  keys: readonly (0 | 1 | 2)[],
  answer: 'good' | 'refused',
])[] = [
  ['the key alone', [0], 'good'],
  ['a new key behind', [0, 1], 'good'],
  ['the new key in front', [1, 0], 'good'],
  ['two new keys in front', [2, 1, 0], 'good'],
  ['the new key alone', [1], 'refused'],
];
for (const [name, keys, answer] of ROTATION) {
  test(`rotation: with ${name} an earlier cursor is ${answer}`, () => {
    const by = createCursors(keys.map((index) => SECRETS[index]));
    assert.equal(read(CURSOR, QUERY, by), answer === 'good' ? PLACE : 'invalid_input');
    assert.equal(read(by.make(QUERY, PLACE), QUERY, by), PLACE);
  });
}

test('the first key makes', () => {
  const made = createCursors([SECRETS[1], SECRETS[0]]).make(QUERY, PLACE);
  assert.equal(read(made, QUERY, createCursors([SECRETS[1]])), PLACE);
  assert.is(read(made), 'invalid_input');
});
