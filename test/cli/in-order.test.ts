import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { inOrder } from '../../src/cli/in-order.js';

const test = suite('work in flight, results in order');

test('results come in the order of the items, with at most `width` in flight', async () => {
  let [inFlight, most] = [0, 0];
  const found: number[] = [];
  const items = Array.from({ length: 50 }, (_, n) => n);
  for await (const result of inOrder(items, 4, work)) found.push(result);
  assert.equal(found, items);
  assert.is(most, 4);

  async function work(n: number): Promise<number> {
    inFlight += 1;
    most = Math.max(most, inFlight);
    for (let turns = 1 + ((n * 7) % 5); turns > 0; turns--) await Promise.resolve();
    inFlight -= 1;
    return n;
  }
});

test('after a failure nothing is begun, what succeeded is given, and then the failure', async () => {
  const begun: number[] = [];
  const found: number[] = [];
  const items = Array.from({ length: 50 }, (_, n) => n);
  let caught: unknown;
  try {
    for await (const result of inOrder(items, 4, work)) found.push(result);
  } catch (error) {
    caught = error;
  }
  assert.match(String(caught), 'item 10');
  assert.equal(found.slice(0, 10), items.slice(0, 10));
  assert.not(found.includes(10));
  assert.ok(begun.length <= 14, `${begun.length} begun`);
  assert.is(found.length, begun.length - 1);

  async function work(n: number): Promise<number> {
    begun.push(n);
    await Promise.resolve();
    if (n === 10) throw new Error('item 10');
    return n;
  }
});
