import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { alternate, type Contender } from '../src/figures/rounds.js';
import type { LoadResult } from '../src/load/load.js';

const test = suite('bench: rounds');

/** A contender that takes 2 ms of CPU time for each of its 10 answers, of which `unexpected` are not as expected. */
function contender(name: string, calls: string[], unexpected = 0): Contender {
  let cpuMs = 1_000;
  const result: LoadResult = { rate: 5, answers: 10 - unexpected, unexpected, p50: 1, p99: 2, max: 3 };
  return {
    name,
    server: { cpuMs: () => cpuMs, memoryMiB: () => 70 },
    async run(ms) {
      calls.push(`${name} ${ms}`);
      cpuMs += 20;
      return result;
    },
  };
}

test('contenders take turns, after a warm-up that does not count', async () => {
  const calls: string[] = [];
  const told: string[] = [];
  const contenders = [contender('A', calls), contender('B', calls), contender('C', calls)];
  const measured = await alternate(contenders, {
    ...{ rounds: 2, ms: 30, warmUpMs: 10 },
    onRound: ({ name }, { rate }, number) => told.push(`${name}${number} ${rate}`),
  });
  assert.equal(calls, ['A 10', 'B 10', 'C 10', 'A 30', 'B 30', 'C 30', 'A 30', 'B 30', 'C 30']);
  assert.equal(told, ['A0 5', 'B0 5', 'C0 5', 'A1 5', 'B1 5', 'C1 5', 'A2 5', 'B2 5', 'C2 5']);
  assert.equal(
    [...measured].map(([{ name }, rounds]) => [name, rounds.length]),
    [
      ['A', 2],
      ['B', 2],
      ['C', 2],
    ],
  );
});

test('without a warm-up there is none', async () => {
  const calls: string[] = [];
  await alternate([contender('A', calls)], { rounds: 1, ms: 30, warmUpMs: 0, onRound: () => {} });
  assert.equal(calls, ['A 30']);
});

test('CPU time is that of the process, for each answer of any status', async () => {
  const one = contender('A', [], 4);
  const [rounds] = (await alternate([one], { rounds: 1, ms: 1, warmUpMs: 0, onRound: () => {} })).values();
  assert.equal(rounds, [
    { rate: 5, answers: 6, unexpected: 4, p50: 1, p99: 2, max: 3, cpuUs: 2_000, memoryMiB: 70 },
  ]);
});

test('the next one waits until what is left of a load is done', async () => {
  const calls: string[] = [];
  const busy = contender('A', calls);
  let looks = 0;
  // Busy, then waiting for its turn, then busy again, then done.
  const used = [0, 10, 20, 30, 30, 30, 40];
  const server = { cpuMs: () => used[looks++] ?? 50, memoryMiB: () => 0 };
  await alternate([{ ...busy, server }], { rounds: 1, ms: 1, warmUpMs: 0, onRound: () => {} });
  assert.is(looks, used.length + 1 + 5);
});

test('without a process of its own there is no CPU time', async () => {
  const { run, name } = contender('A', []);
  const [rounds] = (
    await alternate([{ name, run }], { rounds: 1, ms: 1, warmUpMs: 0, onRound: () => {} })
  ).values();
  assert.equal([rounds?.[0]?.cpuUs, rounds?.[0]?.memoryMiB], [Number.NaN, Number.NaN]);
});
