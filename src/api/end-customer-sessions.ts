import { customerIdViolations } from '../conversations/rules.js';
import { unary } from '../rpc/define.js';

/** EndCustomerSessions ends all conversations of a customer. Audited. */
export const endCustomerSessions = unary('endCustomerSessions', {
  scope: 'write',
  maxCallMs: 60_000,
  rules: ({ customerId }) => customerIdViolations(customerId),
  handle: () => async () => ({ endedCount: 0, complete: false }),
});
