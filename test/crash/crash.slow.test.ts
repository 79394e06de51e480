import { newSeed, seededRandom, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { crashRounds } from './rounds.js';
import { embeddedTarget, ferretdbTarget, type Target } from './targets.js';

const ROUNDS = 5;
const test = suite('kill -9 under 64 openers', { fileTimeoutMs: 300_000 });

const seed = newSeed();
console.log(`  crash seed ${seed}`);

async function survives(target: Target): Promise<void> {
  try {
    const { acknowledged, lost, duplicated, stuck } = await crashRounds(target, {
      rounds: ROUNDS,
      random: seededRandom(seed),
      latestMs: 1_000,
    });
    console.log(`  ${ROUNDS} crashes: ${acknowledged} acknowledged, ${lost} lost, ${duplicated} duplicated`);
    assert.ok(acknowledged > 0);
    assert.is(lost, 0);
    assert.is(duplicated, 0);
    assert.is(stuck, 0);
  } finally {
    await target.close();
  }
}

test(
  `embedded server: ${ROUNDS} crashes lose nothing and double nothing`,
  async () => survives(await embeddedTarget()),
  { timeoutMs: 120_000 },
);

const name = `FerretDB and PostgreSQL: ${ROUNDS} crashes lose nothing and double nothing`;
if (process.env['CHATSESSIONS_FERRETDB'] === '1') {
  test(name, async () => survives(await ferretdbTarget(seededRandom(seed))), { timeoutMs: 180_000 });
} else {
  test.skip(name, 'npm run test:server runs it, with CHATSESSIONS_FERRETDB=1');
}
