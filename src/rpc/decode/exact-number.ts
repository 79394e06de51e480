/**
 * Whether a double holds the number of a JSON text exactly, as far as decimal text goes: whether the shortest text of its
 * double has the same decimal value. So 0.1 and 1e2 are exact; 9007199254740993 and 1e-400 are not. Linear in the
 * length of the text.
 *
 * A number too large for a double counts as exact here, because it is a fault of its own (not_finite).
 *
 * @param text a number by the grammar of JSON (RFC 8259, section 6)
 */
export function isExactNumber(text: string): boolean {
  const double = Number(text);
  if (!Number.isFinite(double)) return true;
  const sent = toDecimal(text);
  const held = toDecimal(String(double));
  return sent.digits === held.digits && sent.exponent === held.exponent;
}

/** A decimal value without its sign, in a form that is unique: digits without zeros around, times 10^exponent. */
interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

const ZERO: Decimal = { digits: '', exponent: 0 };

function toDecimal(text: string): Decimal {
  const e = text.search(/e/i);
  const [whole = '', fraction = ''] = (e === -1 ? text : text.slice(0, e)).split('.');
  const digits = (whole.startsWith('-') ? whole.slice(1) : whole) + fraction;
  let start = 0;
  while (digits[start] === '0') start++;
  if (start === digits.length) return ZERO;
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  // Exact for all exponents that matter: an exponent beyond 2^53 makes the double 0 or infinite.
  const exponent = (e === -1 ? 0 : Number(text.slice(e + 1))) - fraction.length + digits.length - end;
  return { digits: digits.slice(start, end), exponent };
}
