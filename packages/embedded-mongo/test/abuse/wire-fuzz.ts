import type { SeededRandom } from '@chatsessions/test-harness';
import { serialize } from 'bson';
import { framed, HEADER_BYTES, message, nested, OP_MSG, query, section, sequence } from './wire-messages.js';

/** A message that is wrong, or at least unusual. */
export interface FuzzedMessage {
  readonly name: string;
  readonly bytes: Buffer;
  /** After a `whole` one the server must close the connection, or read the next message. A `half` one announces more
   *  bytes than ever come. */
  readonly kind: 'whole' | 'half';
}

const ODD_NUMBERS = [
  0, 1, -1, 4, 5, 15, 16, 17, 255, 256, 65_535, 48_000_000, 48_000_001, 0x7fffffff, -0x80000000,
];
const BAD_NAMES = [
  '',
  '$',
  '$where',
  '__proto__',
  'constructor',
  'a.b',
  'a..b',
  '.a',
  'a\u0001',
  'x'.repeat(300),
];
const COMMANDS = [
  'hello',
  'insert',
  'update',
  'delete',
  'find',
  'getMore',
  'killCursors',
  'findAndModify',
  'createIndexes',
  'listIndexes',
  'dropDatabase',
  'aggregate',
  'shutdown',
  'eval',
  '__proto__',
];

/** Makes fuzzed messages: each is a valid one with a random fault. */
export function wireFuzz(random: SeededRandom): { next(requestId: number): FuzzedMessage } {
  const name = () => random.pick(['fuzz', 'other', ...BAD_NAMES]);
  const odd = () => random.pick(ODD_NUMBERS);
  const value = (depth = 0): unknown =>
    random.pick([
      () => odd(),
      () => name(),
      () => null,
      () => true,
      () => new Date(odd()),
      () => Buffer.alloc(random.below(200), random.below(256)),
      () => (depth > 3 ? 1 : [value(depth + 1), value(depth + 1)]),
      () =>
        depth > 3
          ? {}
          : { [random.pick(['$gt', '$in', '$exists', '$not', '$or', 'a', name()])]: value(depth + 1) },
    ])();

  const valid = (requestId: number): Buffer =>
    random.pick([
      () => message({ ping: 1, $db: 'fuzz' }, requestId),
      () => query({ ismaster: 1, helloOk: true }, requestId),
      () =>
        message({ insert: 'fuzz', $db: 'fuzz' }, requestId, [sequence('documents', [{ a: 1, b: [1, 'x'] }])]),
      () => message({ insert: 'fuzz', documents: [{ a: odd() }, { b: name() }], $db: 'fuzz' }, requestId),
      () =>
        message(
          { find: 'fuzz', filter: { a: { $gt: 1 } }, sort: { a: 1 }, limit: 2, $db: 'fuzz' },
          requestId,
        ),
      () =>
        message({ update: 'fuzz', updates: [{ q: { _id: 1, a: 1 }, u: { c: 1 } }], $db: 'fuzz' }, requestId),
      () => message({ delete: 'fuzz', deletes: [{ q: { a: 1 }, limit: 0 }], $db: 'fuzz' }, requestId),
      () =>
        message(
          { update: 'fuzz', updates: [{ q: { _id: 1 }, u: { $set: { a: 1 } } }], $db: 'fuzz' },
          requestId,
        ),
      () =>
        message({ createIndexes: 'fuzz', indexes: [{ key: { a: 1 }, name: 'a' }], $db: 'fuzz' }, requestId),
      () => message({ getMore: 1n, collection: 'fuzz', $db: 'fuzz' }, requestId),
    ])();

  const set = (bytes: Buffer, at: number, number: number): Buffer => {
    if (at + 4 <= bytes.length) bytes.writeInt32LE(number, at);
    return bytes;
  };
  /** Corrects the length in a message's header. */
  const whole = (bytes: Buffer): Buffer => set(bytes, 0, bytes.length);

  const kinds: Record<string, (requestId: number) => Buffer> = {
    'bytes changed': (id) => {
      const bytes = valid(id);
      for (let n = 1 + random.below(4); n > 0; n--) {
        bytes[HEADER_BYTES + random.below(bytes.length - HEADER_BYTES)] = random.below(256);
      }
      return bytes;
    },
    'a length inside changed': (id) => {
      const bytes = valid(id);
      return set(bytes, HEADER_BYTES + random.below(bytes.length - HEADER_BYTES), odd());
    },
    'the length of the body changed': (id) => {
      const bytes = valid(id);
      const at = bytes.readInt32LE(12) === OP_MSG ? 21 : 39;
      return set(bytes, at, bytes.readInt32LE(at) + random.below(9) - 4);
    },
    'cut short': (id) => {
      const bytes = valid(id);
      return whole(bytes.subarray(0, HEADER_BYTES + random.below(bytes.length - HEADER_BYTES)));
    },
    'bytes behind it': (id) =>
      whole(Buffer.concat([valid(id), Buffer.alloc(1 + random.below(40), random.below(256))])),
    'another opcode': (id) => set(valid(id), 12, random.pick([1, 2001, 2002, 2005, 2010, 2012, odd()])),
    'other flags': (id) => set(valid(id), 16, random.pick([1, 2, 3, 4, 0x8000, 0x10000, 0x40000000, odd()])),
    'another kind of section': (id) => {
      const bytes = valid(id);
      bytes[20] = random.below(256);
      return bytes;
    },
    'sections of every kind': (id) =>
      message({ insert: 'fuzz', $db: 'fuzz' }, id, [
        ...Array.from({ length: random.below(4) }, () =>
          sequence(random.pick(['documents', 'updates', '', name().replaceAll('\0', '')]), [{ a: 1 }]),
        ),
        ...(random.chance(0.3) ? [section({ ping: 1 })] : []),
      ]),
    'a claim out of bounds': (id) =>
      set(valid(id), 0, random.pick([0, -1, 15, 48_000_001, 0x7fffffff, -0x80000000])),
    'no message at all': () => {
      const bytes = Buffer.alloc(HEADER_BYTES + random.below(200));
      for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
      // A claim of 48 MB at random would only be a half message.
      return set(bytes, 0, random.pick([0, 3, -5, bytes.length]));
    },
    'a depth bomb': (id) => {
      const deep = nested(random.pick([100, 179, 180, 181, 182, 1_000, 20_000]), random.chance(0.5));
      const list = Buffer.concat([Buffer.alloc(5), Buffer.from('documents\0'), deep]);
      list[0] = 1;
      list.writeInt32LE(list.length - 1, 1);
      return message({ insert: 'deep', $db: 'fuzz' }, id, [list]);
    },
    'a depth bomb in a filter': (id) => {
      const deep = nested(random.pick([150, 181, 1_000, 10_000]), random.chance(0.5));
      const head = serialize({ find: 'fuzz', $db: 'fuzz' });
      const body = Buffer.concat([
        head.subarray(0, head.length - 1),
        Buffer.from([3]),
        Buffer.from('filter\0'),
        deep,
        Buffer.from([0]),
      ]);
      body.writeInt32LE(body.length, 0);
      return framed(OP_MSG, id, [Buffer.alloc(5), body]);
    },
    'odd values': (id) =>
      message(
        {
          [random.pick(COMMANDS)]: random.pick([name(), odd(), null]),
          ...(random.chance(0.5) && { filter: value() }),
          ...(random.chance(0.5) && { documents: value() }),
          ...(random.chance(0.5) && { updates: [{ q: value(), u: value(), [name()]: value() }] }),
          ...(random.chance(0.5) && { deletes: [{ q: value(), limit: odd() }] }),
          ...(random.chance(0.3) && { limit: odd(), skip: odd(), batchSize: odd() }),
          ...(random.chance(0.3) && { sort: value(), projection: value() }),
          ...(random.chance(0.3) && { indexes: [{ key: value(), name: name(), unique: value() }] }),
          ...(random.chance(0.2) && { [name()]: value() }),
          $db: random.chance(0.1) ? name() : 'fuzz',
        },
        id,
      ),
  };
  const half: Record<string, (requestId: number) => Buffer> = {
    'half a message': (id) => {
      const bytes = valid(id);
      return bytes.subarray(0, 1 + random.below(bytes.length - 1));
    },
    'a claim of 48 MB': (id) => set(valid(id), 0, 48_000_000),
    'a claim of a little more': (id) => {
      const bytes = valid(id);
      return set(bytes, 0, bytes.length + 1 + random.below(1_000));
    },
  };
  const wholeNames = Object.keys(kinds);
  const halfNames = Object.keys(half);
  return {
    next(requestId) {
      const kind = random.chance(0.05) ? 'half' : 'whole';
      const name = random.pick(kind === 'half' ? halfNames : wholeNames);
      const bytes = (kind === 'half' ? half : kinds)[name]?.(requestId) ?? Buffer.alloc(0);
      return { name, bytes, kind };
    },
  };
}
