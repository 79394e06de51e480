import type { Conversation } from '../conversations/conversation.js';
import { toMessage } from '../conversations/message.js';
import { customerIdViolations } from '../conversations/rules.js';
import type { Deps } from '../deps.js';
import { serverStream } from '../rpc/define.js';

/** How many conversations are read at once: what an export holds in memory. */
const PAGE = 50;

/** ExportCustomer: all conversations of a customer, newest first, one by one, as fast as they are taken. Audited. */
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
          page = await conversations.list({ tenantId, customerId, verifiedOnly, after, limit: PAGE });
          for (const conversation of page) {
            // Before it is sent: what a reader that goes away has taken is not known, and the audit must not say too little.
            tally.count++;
            yield { conversation: toMessage(conversation) };
          }
          after = page.at(-1);
        } while (page.length === PAGE);
      }),
});
