import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSeed, type SeededRandom, seededRandom, suite, tempDir, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { newKey, open, type Session, startOpeners } from '../crash/openers.js';
import { repoFile } from '../harness/repo-file.js';
import { httpUrlOf, startService } from '../harness/service-process.js';
import { type Damage, damages } from './damage.js';

/** Damaged files in all; more with DAMAGED_FILES. */
const FILES = Number(process.env['DAMAGED_FILES'] ?? 30);
const CONVERSATIONS = 3_000;
const SEED_FILE = repoFile('test/cases/open-session.seed.yaml');
const SENTENCE = /^chatsessions: [^\n]+\.\n$/;

const seed = Number(process.env['DAMAGE_SEED'] ?? newSeed());
const test = suite('damaged data files', { fileTimeoutMs: 120_000 + FILES * 5_000 });

let origin = '';
let data = Buffer.alloc(0);
let known: readonly Session[] = [];

test.before(
  async () => {
    origin = join(await tempDir(), 'data');
    const service = await startService({ DATA_DIR: origin, SEED_FILE, LOG_LEVEL: 'error' });
    const openers = startOpeners(await httpUrlOf(service), 32);
    await until('conversations', async () => openers.acknowledged.size >= CONVERSATIONS, 60_000);
    await openers.stop();
    service.child.kill('SIGTERM');
    assert.is(await service.exited, 0);
    data = await readFile(join(origin, 'embedded/data.mdb'));
    known = [...openers.acknowledged.values()];
  },
  { timeoutMs: 90_000 },
);

test(
  `${FILES} of them: the service serves, or says why not and exits with 1`,
  async () => {
    console.log(`  damage seed ${seed}, ${data.length >> 12} pages`);
    const random = seededRandom(seed);
    const counts = new Map<string, number>();
    const wrong: string[] = [];
    for (let n = 0; n < FILES; n++) {
      const damage = damages[n % damages.length];
      if (!damage) continue;
      const outcome = await outcomeOf(damage, random);
      const kind = outcome.split(':', 1)[0] ?? '';
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (kind !== 'served' && kind !== 'refused') wrong.push(`file ${n}, ${damage.name}: ${outcome}`);
    }
    console.log(`  ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
    assert.equal(wrong, []);
  },
  { timeoutMs: 60_000 + FILES * 5_000 },
);

/** What came of a start: `served`, `refused`, or what must not be. */
async function outcomeOf(damage: Damage, random: SeededRandom): Promise<string> {
  const dataDir = join(await tempDir(), 'data');
  await mkdir(join(dataDir, 'embedded'), { recursive: true });
  for (const name of ['session-signing-key', 'embedded/FORMAT'])
    await copyFile(join(origin, name), join(dataDir, name));
  await writeFile(join(dataDir, 'embedded/data.mdb'), damage.apply(Buffer.from(data), random));
  const service = await startService({ DATA_DIR: dataDir, SEED_FILE, LOG_LEVEL: 'error' });
  try {
    const up = await Promise.race([httpUrlOf(service), service.exited]).catch(() => service.exited);
    if (typeof up === 'string' && up.startsWith('http')) {
      await use(up, random);
      // A write that did harm may show at a later one; what the answers are is not the question here.
      if (service.child.exitCode === null && service.child.signalCode === null) return 'served';
    }
    const end = await service.exited;
    if (end === 1 && SENTENCE.test(service.stderr())) return 'refused';
    return `ended with ${end}: ${service.stderr().slice(0, 600)}`;
  } finally {
    service.child.kill('SIGKILL');
    await service.exited;
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Opens sessions and reads old ones. Whatever the answers: the process must stay. */
async function use(url: string, random: SeededRandom): Promise<void> {
  const look = async () => {
    const { sessionToken } = random.pick(known);
    const answer = await fetch(`${url}/api/public/v1/chat/sessions/current`, {
      headers: { authorization: `Bearer ${sessionToken}` },
    });
    await answer.arrayBuffer();
  };
  for (let round = 0; round < 4; round++) {
    const work = Array.from({ length: 8 }, () => [open(url, newKey()), look()]).flat();
    await Promise.allSettled(work);
  }
}
