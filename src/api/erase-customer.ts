import { customerIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** How many conversations are deleted at once. */
const BATCH = 1_000;
/** What is kept of the call's time for its last batch, the audit and the answer, in ms. */
const RESERVE_MS = 2_000;

/**
 * EraseCustomer: deletes a customer's conversations, batch by batch, while there is time, and says how far it got.
 * What is deleted stays so, whatever ends the call: calling again goes on. Audited.
 */
export const eraseCustomer = unary('eraseCustomer', {
  scope: 'erase',
  maxCallMs: 60_000,
  rules: ({ customerId }) => customerIdViolations(customerId),

  handle:
    ({ conversations, elapsed }: Pick<Deps, 'conversations' | 'elapsed'>) =>
    ({ customerId }, { tenantId, audit, signal, deadline }) =>
      audit.bracket(async (tally) => {
        let complete = false;
        do {
          const batch = await conversations.erase(tenantId, customerId, BATCH);
          tally.count += batch.erased;
          complete = batch.complete;
        } while (!complete && !signal.aborted && elapsed() < deadline - RESERVE_MS);
        return { erasedCount: tally.count, complete };
      }),
});
