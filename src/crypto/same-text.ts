import { timingSafeEqual } from 'node:crypto';

/** Whether two texts are equal; the comparison takes constant time for texts of the same length. */
export function isSameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
