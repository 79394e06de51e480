import { ServiceError } from '../../src/rpc/errors.js';

/** What work rejects with, which must be a ServiceError. */
export async function refusal(work: Promise<unknown>): Promise<ServiceError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ServiceError) return thrown;
  throw new Error(`not a ServiceError: ${String(thrown)}`);
}
