import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { CLOCK_MEMORY_MS, createDates } from '../../src/time/dates.js';

const test = suite('dates');

const START = 1_800_000_000_000;

/** A process: time passes, and its wall clock is off by `wrong` ms. */
function rig() {
  const clock = { passed: 0, wrong: 0 };
  const dates = createDates(
    () => START + clock.passed + clock.wrong,
    () => clock.passed + 0.25,
  );
  return { clock, dates, both: () => [dates.earliest() - START, dates.latest() - START] };
}

test('a clock that is right: both are its time', () => {
  const { clock, both } = rig();
  for (const passed of [0, 1, 1_000, 3_600_000]) {
    clock.passed = passed;
    assert.equal(both(), [passed, passed]);
  }
});

const JUMPS: readonly (readonly [name: string, wrong: number, earliest: number, latest: number])[] = [
  ['set back', -300_000, -299_000, 1_000],
  ['set forward', 300_000, 1_000, 301_000],
];
for (const [name, wrong, earliest, latest] of JUMPS) {
  test(`a clock that is ${name}: both go on evenly, from its two readings`, () => {
    const { clock, both } = rig();
    both();
    Object.assign(clock, { passed: 1_000, wrong });
    assert.equal(both(), [earliest, latest]);
    // It is right again: what it said is not forgotten at once.
    Object.assign(clock, { passed: 2_000, wrong: 0 });
    assert.equal(both(), [earliest + 1_000, latest + 1_000]);
  });

  test(`a clock that is ${name} for good is believed in the end`, () => {
    const { clock, both } = rig();
    both();
    clock.wrong = wrong;
    for (let ms = 0; ms <= CLOCK_MEMORY_MS + 120_000; ms += 1_000) {
      clock.passed = ms;
      both();
    }
    assert.equal(both(), [clock.passed + wrong, clock.passed + wrong]);
  });
}

test('what is written after a jump back is never dated before what was written before it', () => {
  const { clock, dates } = rig();
  let last = 0;
  for (const wrong of [0, -300_000, 5_000, -1, 300_000, 0, -600_000]) {
    Object.assign(clock, { passed: clock.passed + 10, wrong });
    const date = dates.latest();
    assert.ok(date >= last, `${wrong}: ${date - last} ms`);
    last = date;
  }
});
