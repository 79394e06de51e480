import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isExactNumber } from '../../../src/rpc/decode/exact-number.js';
import { parseStrictJson } from '../../../src/rpc/decode/strict-json.js';

const test = suite('exact number');

const EXACT = [
  ...[
    '0',
    '-0',
    '0.0',
    '0e5',
    '0e99999999999999999999',
    '0.000e-7',
    '1',
    '1.0',
    '1e2',
    '1E+2',
    '0.1',
    '-0.1',
  ],
  ...['100', '1e-7', '1e21', '1e22', '123456789012345680000', '9007199254740992', '9007199254740994'],
  ...[
    '0.30000000000000004',
    '1.7976931348623157e308',
    '5e-324',
    '2.2250738585072014e-308',
    '10e-1',
    '0.001e3',
  ],
  ...[`1${'0'.repeat(300)}`, `1${'0'.repeat(400)}e-400`, `0.${'0'.repeat(400)}1e401`],
];
const INEXACT = [
  ...[
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567',
    '3.141592653589793238',
    '1e-400',
    '-1e-400',
  ],
  ...[
    '0.10000000000000001',
    '4e-324',
    '2.2250738585072011e-308',
    '1.7976931348623158e308',
    '1e-99999999999999999999',
  ],
  ...['1.00000000000000000001', `1${'0'.repeat(300)}1e-10`, `0.${'0'.repeat(400)}1`, '9'.repeat(300)],
];
/** Too large for a double: a fault of the shape. */
const INFINITE = ['1e400', '-1e999', '1.7976931348623159e308', `1${'0'.repeat(309)}`];

const shown = (text: string) =>
  text.length < 40 ? text : `${text.slice(0, 3)}…${text.slice(-8)}, ${text.length} long`;
for (const text of [...EXACT, ...INFINITE]) {
  test(`is exact: ${shown(text)}`, () => assert.ok(isExactNumber(text)));
}
for (const text of INEXACT) {
  test(`is not exact: ${shown(text)}`, () => assert.not(isExactNumber(text)));
}

/** A number of JSON as a fraction of integers, computed apart from the code under test. */
function toFraction(text: string): { readonly above: bigint; readonly below: bigint } {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const power = Number(exponent) - fraction.length;
  return power < 0
    ? { above: digits, below: 10n ** BigInt(-power) }
    : { above: digits * 10n ** BigInt(power), below: 1n };
}

function areEqual(one: string, other: string): boolean {
  const a = toFraction(one);
  const b = toFraction(other);
  return a.above * b.below === b.above * a.below;
}

const digits = (max: number) => fc.stringMatching(new RegExp(`^\\d{1,${max}}$`));
const anyNumber = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: digits(25).map((text) => text.replace(/^0+(?=\d)/, '')),
    fraction: fc.oneof(
      fc.constant(''),
      digits(25).map((text) => `.${text}`),
    ),
    exponent: fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(340))
        .map(([e, sign, power]) => `${e}${sign}${power}`),
    ),
  })
  .map(({ sign, whole, fraction, exponent }) => `${sign}${whole}${fraction}${exponent}`);
/** What JSON writers make of doubles and integers, so that the property sees many exact numbers too. */
const written = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
  fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }).map(String),
);

test('a number is exact when its decimal value is that of the shortest text of its double', () => {
  let exact = 0;
  fc.assert(
    fc.property(fc.oneof(anyNumber, written), (text) => {
      const double = Number(text);
      const expected = !Number.isFinite(double) || areEqual(text, String(double));
      if (expected) exact++;
      assert.is(isExactNumber(text), expected, text);
      // The strict reader asks only for texts that may be inexact.
      const { inexactNumbers } = parseStrictJson(`{"a":{"b":[1,${text} ,2]}}`, 9);
      assert.equal(inexactNumbers, expected ? [] : [['a', 'b']], text);
    }),
    { numRuns: 5_000 },
  );
  assert.ok(exact > 500 && exact < 4_500, `${exact} of 5,000 are exact`);
});
