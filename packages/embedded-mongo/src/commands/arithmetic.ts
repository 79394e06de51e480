import { Box, bsonType, double, int32, int64, numberOf } from '../bson/box.js';
import type { View } from '../bson/view.js';
import { MongoError } from '../mongo-error.js';

const mostLong = 2n ** 63n - 1n;
const leastLong = -(2n ** 63n);

/** Adds or multiplies as `$inc` and `$mul` do: the wider of the two types, Int32 growing to Long when it must. */
export function calculate(
  operator: '$inc' | '$mul',
  path: string,
  old: View | undefined,
  operand: View,
): Box {
  if (!isNumber(operand)) throw new MongoError(14, `Cannot ${operator} with non-numeric argument: {${path}}`);
  if (old !== undefined && !isNumber(old)) {
    throw new MongoError(14, `Cannot apply ${operator} to a value of non-numeric type: field '${path}'`);
  }
  const types = [Box.typeOf(operand), old ? Box.typeOf(old) : Box.typeOf(operand)];
  if (types.includes(bsonType.decimal)) {
    throw new MongoError(
      2,
      `the embedded server does not calculate with Decimal128: ${operator} of '${path}'`,
    );
  }
  // As it is: 0 + -0 would be 0.
  if (old === undefined && operator === '$inc') return operand;
  const start = old ? numberOf(old) : 0;
  const change = numberOf(operand);
  if (types.includes(bsonType.double)) {
    const [a, b] = [Number(start), Number(change)];
    return double(operator === '$inc' ? a + b : a * b);
  }
  const [a, b] = [BigInt(start), BigInt(change)];
  const result = operator === '$inc' ? a + b : a * b;
  if (result > mostLong || result < leastLong) {
    throw new MongoError(
      2,
      `Failed to apply ${operator}: the result for '${path}' is out of range of a 64-bit integer`,
    );
  }
  const fitsInt = !types.includes(bsonType.long) && result >= -(2n ** 31n) && result < 2n ** 31n;
  return fitsInt ? int32(Number(result)) : int64(result);
}

function isNumber(value: View): value is Box {
  const types: readonly number[] = [bsonType.int, bsonType.long, bsonType.double, bsonType.decimal];
  return value instanceof Box && types.includes(Box.typeOf(value));
}
