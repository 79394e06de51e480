import { type ChangeDeps, endForGood } from '../conversations/change-conversation.js';
import type { ListedRow } from '../conversations/conversation.js';
import { customerIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { unary } from '../rpc/define.js';

/** How many conversations, ended ones among them, one query lists. */
const BATCH_SIZE = 500;
/** How many conversations are ended at the same time, so that opens still find free database connections. */
const WIDTH = 20;
/** The time before the deadline at which no further batch begins, in ms: the last one, the audit and the answer need it. */
const RESERVE_MS = 2_000;

/**
 * EndCustomerSessions ends the conversations of a customer, newest first, in batches until its deadline is near, and
 * answers whether any may be left. A call reads each of the customer's conversations once. What a failed call has ended
 * stays ended, and the next call continues. Audited.
 */
export const endCustomerSessions = unary('endCustomerSessions', {
  scope: 'write',
  maxCallMs: 60_000,
  rules: ({ customerId }) => customerIdViolations(customerId),

  handle:
    (deps: Pick<Deps, keyof ChangeDeps | 'conversations' | 'elapsed'>) =>
    ({ customerId }, { tenantId, audit, signal, deadline }) =>
      audit.bracket(async (tally) => {
        const customer = { tenantId, customerId, verifiedOnly: false };
        const end = async ({ id }: ListedRow) => {
          const isOurs = await endForGood(deps, id, signal, (found) =>
            // Since it was listed it may have been erased, or belong to a customer who has logged in.
            found?.tenantId === tenantId && found.customerId === customerId ? found : undefined,
          );
          if (isOurs) tally.count++;
        };
        let after: ListedRow | undefined;
        let complete = false;
        do {
          const rows = await deps.conversations.listRows({ ...customer, after, limit: BATCH_SIZE });
          const ongoing = rows.filter(({ endedAt }) => endedAt === undefined);
          await eachOf(ongoing, WIDTH, end);
          after = rows.at(-1);
          complete = rows.length < BATCH_SIZE;
        } while (!complete && !signal.aborted && deps.elapsed() < deadline - RESERVE_MS);
        return { endedCount: tally.count, complete };
      }),
});

/**
 * Runs work for each item, `width` at a time. After a failure no more begins, and it throws when the work that has begun is
 * over.
 */
async function eachOf<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let item = items[next++]; item !== undefined && failure === undefined; item = items[next++]) {
      try {
        await work(item);
      } catch (error) {
        failure = { error };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failure) throw failure.error;
}
