/** The error of a valid tenant file that cannot be applied to the stored catalogue. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
}
