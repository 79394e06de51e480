import { customerIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** How many conversations one batch erases. */
const BATCH_SIZE = 1_000;
/** The time before the deadline at which no further batch begins, in ms: the last one, the audit and the answer need it. */
const RESERVE_MS = 2_000;

/**
 * EraseCustomer erases the conversations of a customer in batches until its deadline is near, and answers whether any
 * are left. A batch stays erased even when the call fails later, and the next call continues. Of each conversation a
 * tombstone without personal data stays for 7 days, so that watchers learn of the erasure. Audited.
 */
export const eraseCustomer = unary('eraseCustomer', {
  scope: 'erase',
  maxCallMs: 60_000,
  rules: ({ customerId }) => customerIdViolations(customerId),

  handle:
    ({ conversations, date, elapsed }: Pick<Deps, 'conversations' | 'date' | 'elapsed'>) =>
    ({ customerId }, { tenantId, audit, signal, deadline }) =>
      audit.bracket(async (tally) => {
        let complete = false;
        do {
          const batch = await conversations.erase(tenantId, customerId, BATCH_SIZE, date());
          tally.count += batch.erased;
          complete = batch.complete;
        } while (!complete && !signal.aborted && elapsed() < deadline - RESERVE_MS);
        return { erasedCount: tally.count, complete };
      }),
});
