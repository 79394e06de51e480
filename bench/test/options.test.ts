import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import {
  count,
  describeOptions,
  file,
  flag,
  names,
  readOptions,
  seconds,
  UsageError,
} from '../src/command/options.js';

const test = suite('bench: options');

const OPTIONS = {
  rounds: count('rounds', 7),
  warmups: count('warm-ups', 0, { min: 0 }),
  seconds: seconds('length', 2.5),
  json: file('where to'),
  only: names('some', ['a', 'b', 'c']),
  quick: flag('soon done'),
};
const DEFAULTS = { rounds: 7, warmups: 0, seconds: 2.5, json: undefined, only: undefined, quick: false };

const GOOD: readonly (readonly [line: string, values: object])[] = [
  ['', {}],
  ['--rounds 1', { rounds: 1 }],
  ['--rounds=12 --quick', { rounds: 12, quick: true }],
  ['--rounds 1 --rounds 2', { rounds: 2 }],
  ['--warmups 0', { warmups: 0 }],
  ['--seconds 0.4', { seconds: 0.4 }],
  ['--json /tmp/a=b.json', { json: '/tmp/a=b.json' }],
  ['--only b', { only: ['b'] }],
  ['--only c,a', { only: ['c', 'a'] }],
];
for (const [line, values] of GOOD) {
  test(line || 'nothing given', () => {
    assert.equal(readOptions(OPTIONS, line.split(' ').filter(Boolean)), { ...DEFAULTS, ...values });
  });
}

const BAD: readonly (readonly [args: readonly string[], message: string])[] = [
  [['--rounds', 'x'], '--rounds must be a whole number, 1 or more, not "x".'],
  [['--rounds', '0'], '--rounds must be a whole number, 1 or more, not "0".'],
  [['--rounds', '1.5'], '--rounds must be a whole number, 1 or more, not "1.5".'],
  [['--rounds', '1e3'], '--rounds must be a whole number, 1 or more, not "1e3".'],
  [['--rounds='], '--rounds must be a whole number, 1 or more, not "".'],
  [['--rounds', ' 1'], '--rounds must be a whole number, 1 or more, not " 1".'],
  [['--rounds'], '--rounds needs a value.'],
  [['--rounds', '--quick'], '--rounds needs a value.'],
  [['--warmups=-1'], '--warmups must be a whole number, 0 or more, not "-1".'],
  [['--seconds', '0'], '--seconds must be a number of seconds above 0, 86400 at most, not "0".'],
  [['--seconds', '86401'], '--seconds must be a number of seconds above 0, 86400 at most, not "86401".'],
  [
    ['--seconds', 'Infinity'],
    '--seconds must be a number of seconds above 0, 86400 at most, not "Infinity".',
  ],
  [['--json='], '--json needs the path of a file.'],
  [['--only', 'd'], '--only does not know "d"; there are a, b, c.'],
  [['--only', 'a,'], '--only does not know ""; there are a, b, c.'],
  [['--quick=yes'], '--quick takes no value.'],
  [['--slow'], '--slow is not an option.'],
  [['--toString'], '--toString is not an option.'],
  [['-q'], '-q is not an option.'],
  [['quick'], '"quick" is not understood.'],
  [['--', 'quick'], '"quick" is not understood.'],
];
for (const [args, message] of BAD) {
  test(`refused: ${args.join(' ')}`, () => {
    assert.throws(
      () => readOptions(OPTIONS, args),
      (error: unknown) => error instanceof UsageError && assert.is(error.message, message) === undefined,
    );
  });
}

test('the help lists each with its default', () => {
  assert.is(
    describeOptions({ rounds: OPTIONS.rounds, quick: OPTIONS.quick }),
    '  --rounds <n>  rounds (7)\n  --quick       soon done\n',
  );
});
