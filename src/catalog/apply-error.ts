/** A tenant file cannot be applied to what is stored. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
}
