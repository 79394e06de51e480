import type { Conversation } from '../conversations/conversation.js';
import { toMessage } from '../conversations/message.js';
import { customerIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { serverStream } from '../rpc/define.js';

/** How many conversations one query reads: the most that an export holds in memory. */
const PAGE_SIZE = 50;

/**
 * ExportCustomer streams all conversations of a customer, newest first, one per message. It reads on as fast as the
 * caller takes them (backpressure). Audited.
 */
export const exportCustomer = serverStream('exportCustomer', {
  scope: 'read',
  rules: ({ customerId }) => customerIdViolations(customerId),

  handle:
    ({ conversations }: Pick<Deps, 'conversations'>) =>
    ({ customerId, verifiedOnly }, { tenantId, audit }) =>
      audit.bracketStream(async function* (tally) {
        let page: readonly Conversation[];
        let after: Conversation | undefined;
        do {
          page = await conversations.list({ tenantId, customerId, verifiedOnly, after, limit: PAGE_SIZE });
          for (const conversation of page) {
            // Counted before it is sent: when a reader hangs up, it is unknown whether it got the last message, and the
            // audit must not report too few.
            tally.count++;
            yield { conversation: toMessage(conversation) };
          }
          after = page.at(-1);
        } while (page.length === PAGE_SIZE);
      }),
});
