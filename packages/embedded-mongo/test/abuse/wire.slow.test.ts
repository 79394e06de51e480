import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { newSeed, seededRandom, suite, tempDir } from '@chatsessions/test-harness';
import { deserialize } from 'bson';
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { type EmbeddedProcess, forkEmbedded } from '../crash/fork-embedded.js';
import { type FuzzedMessage, wireFuzz } from './wire-fuzz.js';
import { message } from './wire-messages.js';

const MESSAGES = 20_000;
const ROUND = 1_000;
const CONNECTIONS = 32;
/** The request id of the ping behind each message. */
const PING = 77_777_777;
const MAX_GROWTH_BYTES = 100 * 1024 * 1024;

const test = suite('abuse of the wire protocol', { fileTimeoutMs: 240_000 });

const hasProc = process.platform === 'linux';
const name = `${MESSAGES} fuzzed messages: each connection is answered or closed, and the server lives`;
if (!hasProc) test.skip(name, 'needs Linux, to read the memory of a process in /proc');
else {
  test(
    name,
    async () => {
      const seed = newSeed();
      console.log(`  wire fuzz seed ${seed}`);
      const fuzz = wireFuzz(seededRandom(seed));
      const server = await forkEmbedded(await tempDir(), { stallMs: 300 });
      const outcomes = { closed: 0, answered: 0 };
      let baseline = 0;
      let most = 0;
      for (let sent = 0; sent < MESSAGES; sent += ROUND) {
        const batch = Array.from({ length: ROUND }, (_, i) => fuzz.next(sent + i + 1)).values();
        const client = async () => {
          const connection = connectionTo(server.socketPath);
          for (const one of batch) outcomes[await sendOne(connection, one)]++;
          connection.close();
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, client));
        await assertAlive(server, sent);
        const memory = await anonymousBytes(server.pid);
        // The first round is what code and caches take.
        if (sent === 0) baseline = memory;
        most = Math.max(most, memory - baseline);
      }
      const { closed, answered } = outcomes;
      console.log(
        `  ${closed} messages closed their connection, ${answered} did not; memory grew by ${most >> 20} MiB`,
      );
      assert.is(closed + answered, MESSAGES);
      assert.ok(closed > 0 && answered > 0);
      assert.ok(most < MAX_GROWTH_BYTES, `grew by ${most} bytes`);
      await server.close();
    },
    { timeoutMs: 180_000 },
  );
}

/** Connects when it is needed: again after each time that the server has closed. */
interface Connection {
  socket(): Promise<Socket>;
  close(): void;
}

function connectionTo(path: string): Connection {
  let current: Socket | undefined;
  return {
    async socket() {
      if (current && !current.destroyed && current.writable && !current.readableEnded) return current;
      const socket = connect(path);
      socket.on('error', () => {});
      await once(socket, 'connect');
      current = socket;
      return socket;
    },
    close: () => current?.destroy(),
  };
}

/** Sends a message, and a ping behind it: the connection is closed, or comes to answer the ping. */
async function sendOne(
  connection: Connection,
  { bytes, kind, name }: FuzzedMessage,
): Promise<'closed' | 'answered'> {
  const socket = await connection.socket();
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const fail = (text: string) =>
      finish(() => reject(new Error(`${name}: ${text}: ${bytes.toString('hex').slice(0, 400)}`)));
    const timer = setTimeout(() => fail('neither answered nor closed'), 20_000);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose);
      settle();
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let next = reply(received); next; next = reply(received)) {
        received = received.subarray(next.length);
        if (next.fault !== undefined) fail(next.fault);
        else if (next.responseTo === PING) finish(() => resolve('answered'));
      }
    };
    const onClose = () => finish(() => resolve('closed'));
    socket.on('data', onData).on('close', onClose);
    if (kind === 'half') socket.write(bytes);
    else socket.write(Buffer.concat([bytes, message({ ping: 1, $db: 'fuzz' }, PING)]));
  });
}

/** The first whole reply: a well-formed document that says `ok`, or else what is wrong, by a code and in words. */
function reply(
  bytes: Buffer,
): { readonly length: number; readonly responseTo: number; readonly fault?: string } | undefined {
  if (bytes.length < 16 || bytes.length < bytes.readInt32LE(0)) return undefined;
  const length = bytes.readInt32LE(0);
  const responseTo = bytes.readInt32LE(8);
  const document = deserialize(bytes.subarray(bytes.readInt32LE(12) === 1 ? 36 : 21, length));
  const isFine = document['ok'] === 1 || (typeof document['code'] === 'number' && document['errmsg'] !== '');
  const isUnforeseen = document['code'] === 1 || document['code'] === 8;
  if (!isFine || isUnforeseen) return { length, responseTo, fault: `answered ${JSON.stringify(document)}` };
  return { length, responseTo };
}

async function assertAlive({ socketPath }: EmbeddedProcess, round: number): Promise<void> {
  const client = new MongoClient(`mongodb://${encodeURIComponent(socketPath)}/?directConnection=true`, {
    serverSelectionTimeoutMS: 10_000,
  });
  try {
    const collection = client.db('alive').collection<{ _id: number }>('rounds');
    assert.is((await client.db('alive').command({ ping: 1 }))['ok'], 1);
    await collection.insertOne({ _id: round });
    assert.equal(await collection.find({ _id: round }).toArray(), [{ _id: round }]);
    assert.is((await collection.find().toArray()).length, round / ROUND + 1);
  } finally {
    await client.close();
  }
}

async function anonymousBytes(pid: number): Promise<number> {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
