/** An error that keeps the service from starting. Its message is one sentence for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** The message of anything thrown, for use inside an error message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
