import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '@chatsessions/test-harness';
import { serialize } from 'bson';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { withServer } from './running.js';

const test = suite('embedded: wire');
const running = withServer(test);

const stalls = suite('embedded: stalled connections');
const runningShort = withServer(stalls, { stallMs: 300 });

interface MessageParts {
  readonly opcode?: number;
  readonly flags?: number;
  readonly length?: number;
  readonly sections?: Uint8Array[];
  readonly tail?: Uint8Array;
}

function message({
  opcode = 2013,
  flags = 0,
  length,
  sections = [body({ ping: 1, $db: 'a' })],
  tail,
}: MessageParts): Buffer {
  const whole = Buffer.concat([Buffer.alloc(20), ...sections, ...(tail ? [tail] : [])]);
  whole.writeInt32LE(length ?? whole.length, 0);
  whole.writeInt32LE(7, 4);
  whole.writeInt32LE(opcode, 12);
  whole.writeUInt32LE(flags, 16);
  return whole;
}

function body(document: object): Buffer {
  return Buffer.concat([Buffer.from([0]), serialize(document)]);
}

function sequence(name: string, bytes: Uint8Array, claimed?: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32LE(claimed ?? 4 + name.length + 1 + bytes.length);
  return Buffer.concat([Buffer.from([1]), size, Buffer.from(`${name}\0`), bytes]);
}

function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes);
  return bytes;
}

async function opened(socketPath = running().server.socketPath): Promise<Socket> {
  const socket = connectSocket(socketPath);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function assertAlive(): Promise<void> {
  assert.is((await running().db.command({ ping: 1 })).ok, 1);
}

const malformed: Record<string, () => Buffer> = {
  'a length of 0': () => message({ length: 0 }),
  'a negative length': () => message({ length: -1 }),
  'a length below the header': () => message({ length: 15 }),
  'a length over the limit': () => message({ length: 48_000_001 }),
  'the largest length': () => message({ length: 0x7fffffff }),
  'a header alone': () => message({}).subarray(0, 16).fill(16, 0, 1).fill(0, 1, 4),
  'an unknown opcode': () => message({ opcode: 2010 }),
  'a compressed message': () => message({ opcode: 2012 }),
  'an unknown required flag': () => message({ flags: 4 }),
  'an unknown section kind': () => message({ sections: [Buffer.from([2, 5, 0, 0, 0, 0])] }),
  'no section': () => message({ sections: [] }),
  'two bodies': () => message({ sections: [body({ ping: 1 }), body({ ping: 1 })] }),
  'a sequence alone': () => message({ sections: [sequence('documents', serialize({}))] }),
  'a body longer than the message': () =>
    message({ sections: [changed(body({ ping: 1 }), (b) => b.writeInt32LE(5000, 1))] }),
  'a negative document length': () =>
    message({ sections: [changed(body({ ping: 1 }), (b) => b.writeInt32LE(-5, 1))] }),
  'a document without an end': () =>
    message({ sections: [changed(body({ ping: 1 }), (b) => b.fill(1, b.length - 1))] }),
  'a string longer than its document': () =>
    message({ sections: [changed(body({ ping: 'abc' }), (b) => b.writeInt32LE(9999, 11))] }),
  'a sequence longer than the message': () =>
    message({ sections: [body({ insert: 'a', $db: 'a' }), sequence('documents', serialize({}), 9999)] }),
  'a sequence without a name': () =>
    message({ sections: [body({ insert: 'a' }), Buffer.from([1, 6, 0, 0, 0, 65, 65])] }),
  'a truncated document in a sequence': () =>
    message({ sections: [body({ insert: 'a' }), sequence('documents', Buffer.from([9, 0, 0, 0, 0]))] }),
  'bytes after the body': () => message({ tail: Buffer.from([0, 0, 0]) }),
  HTTP: () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'an old query that is no command': () => message({ opcode: 2004 }),
};

for (const [name, make] of Object.entries(malformed)) {
  test(`closes on ${name}`, async () => {
    const socket = await opened();
    const closed = once(socket, 'close');
    socket.write(make());
    await closed;
    await assertAlive();
  });
}

stalls('half a message, then silence: closed; an idle connection stays', async () => {
  const { socketPath } = runningShort().server;
  const [idle, half] = [await opened(socketPath), await opened(socketPath)];
  half.write(message({ length: 40_000_000 }));
  await once(half, 'close');
  assert.not(idle.destroyed);
  idle.write(message({}));
  const [reply] = await once(idle, 'data');
  assert.is(reply.readInt32LE(8), 7);
  idle.destroy();
});

test('a message in single bytes, several in one piece, a checksum', async () => {
  const socket = await opened();
  for (const byte of message({ flags: 1, tail: Buffer.alloc(4) })) {
    socket.write(Buffer.from([byte]));
    await sleep(0);
  }
  await once(socket, 'data');
  socket.write(Buffer.concat([message({}), message({}), message({})]));
  let size = 0;
  for await (const chunk of socket) {
    size += chunk.length;
    if (size >= 3 * 34) break;
  }
  assert.is(size % 3, 0);
});

test('moreToCome is not answered', async () => {
  const socket = await opened();
  const quiet = message({
    flags: 2,
    sections: [body({ insert: 'quiet', documents: [{ _id: 1 }], $db: 'quiet' })],
  });
  socket.write(Buffer.concat([quiet, changed(message({}), (b) => b.writeInt32LE(8, 4))]));
  const [reply] = await once(socket, 'data');
  assert.is(reply.readInt32LE(8), 8);
  assert.is((await running().client.db('quiet').collection('quiet').find().toArray()).length, 1);
  socket.destroy();
});

test('a client that does not read its answers does not fill the memory', async () => {
  const { db } = running();
  await db.collection('big').insertOne({ b: Buffer.alloc(8 * 1024 * 1024) });
  const socket = await opened();
  socket.pause();
  const ask = message({ sections: [body({ find: 'big', $db: db.databaseName })] });
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 100; i++) socket.write(ask);
  for (let i = 0; i < 20; i++) await assertAlive();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 200 * 1024 * 1024, `grew by ${grown}`);
  socket.destroy();
});

test(
  'messages with random damage close or are answered, and the server lives',
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`  wire fuzz seed ${seed}`);
    const valid = [
      message({}),
      message({
        sections: [
          body({ insert: 'fuzz', $db: 'fuzz' }),
          sequence('documents', serialize({ a: 1, b: ['x', { c: new Date() }] })),
        ],
      }),
      message({
        sections: [body({ find: 'fuzz', filter: { a: { $gt: 1, $in: [1] } }, sort: { a: 1 }, $db: 'fuzz' })],
      }),
      message({
        sections: [
          body({
            update: 'fuzz',
            updates: [{ q: { _id: 1, a: 1 }, u: { b: [1, { c: 2 }] } }],
            $db: 'fuzz',
          }),
        ],
      }),
      message({
        sections: [body({ delete: 'fuzz', deletes: [{ q: { a: { $in: [1] } }, limit: 0 }], $db: 'fuzz' })],
      }),
      message({
        sections: [body({ createIndexes: 'fuzz', indexes: [{ key: { a: 1 }, name: 'a' }], $db: 'fuzz' })],
      }),
    ];
    const damage = fc.record({
      which: fc.nat(valid.length - 1),
      changes: fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      keepLength: fc.boolean(),
    });
    const property = fc.asyncProperty(damage, async ({ which, changes, keepLength }) => {
      const bytes = Buffer.from(valid[which] ?? message({}));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      if (keepLength) bytes.writeInt32LE(bytes.length, 0);
      const socket = await opened();
      const end = Promise.race([once(socket, 'data'), once(socket, 'close'), sleep(2000, 'silent')]);
      socket.end(bytes);
      assert.is.not(await end, 'silent');
      socket.destroy();
    });
    await fc.assert(property, { seed, numRuns: 400 });
    await assertAlive();
  },
  { timeoutMs: 30_000 },
);
