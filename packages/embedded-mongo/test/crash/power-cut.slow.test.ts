import { newSeed, seededRandom, suite, whyNoJournal } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { powerCuts } from './power-cuts.js';

const CUTS = 200;
const test = suite('power cuts of the embedded server');

const seed = newSeed();
const reason = whyNoJournal();

const lossless = `${CUTS} cuts lose nothing that was acknowledged`;
const control = 'with syncs that do nothing the same cuts lose what was acknowledged';

if (reason !== undefined) for (const name of [lossless, control]) test.skip(name, reason);
else {
  console.log(`  power cut seed ${seed}`);

  test(
    lossless,
    async () => {
      const result = await powerCuts({ cuts: CUTS, loadMs: 2_000, random: seededRandom(seed) });
      const { acknowledged, lost, torn, broken } = result;
      console.log(
        `  ${CUTS} cuts, ${torn} in the middle of a write: ${acknowledged} acknowledged, ${lost} lost`,
      );
      assert.equal(broken, []);
      assert.is(lost, 0);
      assert.ok(acknowledged > 0);
      assert.ok(torn > 0);
    },
    { timeoutMs: 90_000 },
  );

  test(
    control,
    async () => {
      const { lost } = await powerCuts({ cuts: 10, loadMs: 500, random: seededRandom(seed), sync: 'lie' });
      assert.ok(lost > 0);
    },
    { timeoutMs: 60_000 },
  );
}
