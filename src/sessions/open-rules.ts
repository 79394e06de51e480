import { publicKeyViolations } from '../catalog/public-key.js';
import { customerIdViolations, customerTokenViolations, localeViolations } from '../conversations/rules.js';
import type { Violation } from '../rpc/errors.js';

/** The members of an OpenSession request that ExplainOpen explains too. */
export interface ExplainedRequest {
  readonly publicKey: string;
  readonly customerId: string;
  readonly customerToken: string;
  readonly locale: string;
}

/** Checks the rules of these members. */
export function explainedRequestViolations(request: ExplainedRequest): Violation[] {
  return [
    ...publicKeyViolations(request.publicKey),
    ...customerIdViolations(request.customerId),
    ...localeViolations(request.locale),
    ...customerTokenViolations(request.customerToken),
  ];
}
