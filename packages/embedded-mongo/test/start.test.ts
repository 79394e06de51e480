import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeClient, suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startEmbeddedMongo } from '../src/process/start-embedded-mongo.js';
import { connect, type Doc, startError } from './running.js';

const test = suite('embedded: start and stop');

/** A process that starts a server, says `ready` or why not, and stays. */
async function child(dataDir: string): Promise<{ readonly process: ChildProcess; readonly said: string }> {
  const module = new URL('../src/process/start-embedded-mongo.js', import.meta.url).href;
  const code = `import(${JSON.stringify(module)}).then(({ startEmbeddedMongo }) =>
    startEmbeddedMongo({ dataDir: ${JSON.stringify(dataDir)} })).then(() => console.log('ready'), (e) => console.log(e.message))`;
  const process = spawn(globalThis.process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(process.stdout, 'data');
  return { process, said: String(chunk).trim() };
}

async function kill(process: ChildProcess): Promise<void> {
  const exit = once(process, 'exit');
  process.kill('SIGKILL');
  await exit;
}

test('data survives a restart, in a folder with dots in its name', async () => {
  const dataDir = join(await tempDir(), 'v1.2.data.d');
  for (let run = 0; run < 3; run++) {
    const server = await startEmbeddedMongo({ dataDir });
    const client = await connect(server.uri);
    const collection = client.db('d').collection<Doc>('c');
    assert.is((await collection.find().toArray()).length, run);
    if (run === 0) await collection.createIndex({ k: 1 }, { unique: true });
    assert.is((await collection.find({ k: { $gte: 0 } }).toArray()).length, run);
    await collection.insertOne({ _id: run, k: run });
    assert.is((await collection.listIndexes().toArray()).length, 2);
    await closeClient(client);
    await server.close();
    assert.not(existsSync(server.socketPath));
  }
});

test('files are for the owner only', async () => {
  const dataDir = await tempDir();
  const server = await startEmbeddedMongo({ dataDir });
  const folder = join(dataDir, 'embedded');
  assert.is(statSync(folder).mode & 0o777, 0o700);
  assert.is(statSync(server.socketPath).mode & 0o777, 0o600);
  await server.close();
  await server.close();
});

test('a second start is refused, here and in another process, and says who holds', async () => {
  const dataDir = await tempDir();
  const server = await startEmbeddedMongo({ dataDir });
  const error = await startError(dataDir);
  assert.is(error.code, 'held');
  assert.match(error.message, new RegExp(`held by process ${process.pid} on host .+ since 20`));
  const other = await child(dataDir);
  await kill(other.process);
  assert.match(other.said, `held by process ${process.pid}`);
  const client = await connect(server.uri);
  assert.is((await client.db('a').command({ ping: 1 })).ok, 1);
  await closeClient(client);
  await server.close();
});

test('what a killed process held is taken over, by one of several only, and keeps what was acknowledged', async () => {
  const dataDir = await tempDir();
  const first = await child(dataDir);
  assert.is(first.said, 'ready');
  const client = await connect(
    `mongodb://${encodeURIComponent(join(dataDir, 'embedded/mongodb.sock'))}/?directConnection=true`,
  );
  await client.db('d').collection<Doc>('c').insertOne({ _id: 1 });
  await kill(first.process);
  await closeClient(client);
  const starts = await Promise.allSettled([1, 2, 3, 4].map(() => startEmbeddedMongo({ dataDir })));
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  assert.is(servers.length, 1);
  for (const server of servers) {
    const again = await connect(server.uri);
    assert.equal(await again.db('d').collection<Doc>('c').find().toArray(), [{ _id: 1 }]);
    await closeClient(again);
    await server.close();
  }
  const left = readdirSync(join(dataDir, 'embedded')).filter((name) => /sock|new|probe/.test(name));
  assert.equal(left, []);
});

test('a holder on another kernel lives as long as it touches its lock', async () => {
  const dataDir = await tempDir();
  const folder = join(dataDir, 'embedded');
  mkdirSync(folder);
  const file = join(folder, 'lock.7');
  const holder = {
    pid: 1,
    host: 'elsewhere',
    kernel: 'another',
    since: '2026',
    socket: 'holder-7.sock',
    released: false,
  };
  const touch = () => writeFileSync(file, JSON.stringify(holder));
  touch();
  const heart = setInterval(touch, 50);
  assert.match((await startError(dataDir)).message, /process 1 on host elsewhere/);
  clearInterval(heart);
  const server = await startEmbeddedMongo({ dataDir, watchMs: 600 });
  await server.close();
});

test('an unknown format is refused in a sentence, and so is a folder that is a file', async () => {
  const dataDir = await tempDir();
  mkdirSync(join(dataDir, 'embedded'));
  writeFileSync(join(dataDir, 'embedded/FORMAT'), '99\n');
  const error = await startError(dataDir);
  assert.is(error.code, 'unknown_format');
  assert.match(error.message, /format "99", and this version reads format 1 only/);
  writeFileSync(join(dataDir, 'file'), '');
  assert.is((await startError(join(dataDir, 'file'))).code, 'not_writable');
});

test('a path too long for a socket is served from a short one, which goes at the end', async () => {
  const dataDir = join(await tempDir(), 'long'.repeat(30));
  const server = await startEmbeddedMongo({ dataDir });
  assert.ok(server.socketPath.length < 104, server.socketPath);
  assert.is(statSync(join(server.socketPath, '..')).mode & 0o777, 0o700);
  assert.is((await startError(dataDir)).code, 'held');
  const client = await connect(server.uri);
  assert.is((await client.db('a').command({ ping: 1 })).ok, 1);
  await closeClient(client);
  await server.close();
  assert.not(existsSync(join(server.socketPath, '..')));
});

test('close answers what is under way, and what it acknowledged is there', async () => {
  const dataDir = await tempDir();
  const server = await startEmbeddedMongo({ dataDir });
  const client = await connect(server.uri, { serverSelectionTimeoutMS: 300 });
  const collection = client.db('d').collection<Doc>('c');
  await collection.insertOne({ _id: 'first' });
  const inserts = Array.from({ length: 30 }, (_, i) => collection.insertOne({ _id: i }));
  await Promise.race(inserts);
  await server.close();
  const outcomes = await Promise.allSettled(inserts);
  await closeClient(client);
  const acknowledged = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.insertedId] : []));
  const again = await startEmbeddedMongo({ dataDir });
  const other = await connect(again.uri);
  const stored = await other.db('d').collection<Doc>('c').find().toArray();
  const ids = new Set(stored.map(({ _id }) => _id));
  assert.ok(acknowledged.length > 0);
  for (const id of acknowledged) assert.ok(ids.has(id), String(id));
  await closeClient(other);
  await again.close();
});
