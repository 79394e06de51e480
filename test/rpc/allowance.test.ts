import * as assert from 'uvu/assert';
import { createAllowance } from '../../src/rpc/allowance.js';
import { suite } from '../harness/suite.js';

const test = suite('allowance');

test('gives so many in a second, and says then how many it has not given', () => {
  let time = 5_000;
  const { take } = createAllowance(2, () => time);
  assert.equal([take(), take(), take(), take()], [0, 0, undefined, undefined]);
  time = 5_999;
  assert.is(take(), undefined);
  time = 6_000;
  assert.equal([take(), take(), take()], [3, 0, undefined]);
  time = 9_000;
  assert.is(take(), 1);
});
