/** The steps between ticks that people read easily, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];
/** How much of a logarithmic axis a zero takes, which has no place on it otherwise. */
const ZERO_SHARE = 0.12;

/**
 * From 0 to the first tick at or above `max`.
 *
 * @param {number} max the largest value
 * @param {number} most how many ticks there may be beside the zero
 * @returns {{ticks: number[], place: (value: number) => number}} `place` is from 0 to 1
 */
export function linearAxis(max, most = 5) {
  const top = max > 0 ? max : 1;
  const power = 10 ** Math.floor(Math.log10(top / most));
  const step = power * (STEPS.find((factor) => factor * power * most >= top) ?? 10);
  const count = Math.ceil(top / step - 1e-9);
  // Each from its number, so that no error adds up: 0.1 + 0.2 is no tick.
  const ticks = Array.from({ length: count + 1 }, (_, n) => Number((n * step).toPrecision(12)));
  const end = ticks.at(-1);
  return { ticks, place: (value) => value / end };
}

/**
 * Powers of `base` from the last one at or below the smallest value to the first at or above the largest. A zero is at
 * the very left, apart from them.
 *
 * @param {readonly number[]} values none below 0, one at least above it
 * @param {number} base every so many powers is a tick
 */
export function logAxis(values, base = 10) {
  const positive = values.filter((value) => value > 0);
  const exponent = (value) => Math.log(value) / Math.log(base);
  const first = Math.floor(exponent(Math.min(...positive)) + 1e-9);
  const last = Math.max(Math.ceil(exponent(Math.max(...positive)) - 1e-9), first + 1);
  const hasZero = positive.length < values.length;
  const begin = hasZero ? ZERO_SHARE : 0;
  const powers = Array.from({ length: last - first + 1 }, (_, n) =>
    Number((base ** (first + n)).toPrecision(12)),
  );
  return {
    ticks: hasZero ? [0, ...powers] : powers,
    place: (value) => (value > 0 ? begin + ((exponent(value) - first) / (last - first)) * (1 - begin) : 0),
  };
}

const UNITS = [
  [1e6, ' M'],
  [1e4, 'k', 1e3],
];

/** A number as it stands at a tick: 0.5, 1,024, 50k, 2.5 M. */
export function tickLabel(value) {
  const [, unit = '', divisor = 1] =
    UNITS.map(([from, text, by = from]) => [from, text, by]).find(([from]) => value >= from) ?? [];
  const rounded = Number((value / divisor).toPrecision(4));
  const [whole, ...rest] = String(rounded).split('.');
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...rest].join('.') + unit;
}
