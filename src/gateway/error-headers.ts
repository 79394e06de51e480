import type { ServiceError } from '../rpc/errors.js';

/** The headers that an error adds to its answer, on every HTTP transport. */
export function errorHeaders({ details }: ServiceError): Record<string, string> {
  return details.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(details.retryAfterSeconds) };
}
