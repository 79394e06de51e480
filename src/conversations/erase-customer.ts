import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type EraseCustomerRequest,
  type EraseCustomerResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditLog } from '../rpc/audit.js';
import type { AuthenticatedCall } from '../rpc/call.js';
import type { Elapsed } from '../rpc/elapsed.js';
import { defineRpc } from '../rpc/rpc.js';
import type { ConversationStore } from './conversation.js';
import { customerIdViolations, tenantViolations } from './rules.js';

/** What erasing a customer needs. */
export interface EraseCustomerParts {
  readonly tenants: TenantIds;
  readonly conversations: Pick<ConversationStore, 'erase'>;
  readonly audit: AuditLog;
  readonly elapsed: Elapsed;
  /** Whether the process is about to end: it gives its calls less time than this one may take. */
  readonly isStopping: () => boolean;
}

/** How many conversations are deleted at once. */
const BATCH = 1_000;
/** The longest that one call may take, in ms. */
const MAX_CALL_MS = 60_000;
/** What is kept of the call's time for its last batch, the audit and the answer, in ms. */
const RESERVE_MS = 2_000;

/**
 * EraseCustomer: deletes a customer's conversations, batch by batch, while there is time, and says how far it got.
 * What is deleted stays so, whatever ends the call: calling again goes on.
 */
export function eraseCustomer({ tenants, conversations, audit, elapsed, isStopping }: EraseCustomerParts) {
  return defineRpc({
    method: ChatSessions.method.eraseCustomer,
    codec: ChatSessionsService.eraseCustomer,
    scope: 'erase',
    maxCallMs: MAX_CALL_MS,
    rules: (request) => [...tenantViolations(request.tenant), ...customerIdViolations(request.customerId)],

    async handle(request: EraseCustomerRequest, call: AuthenticatedCall): Promise<EraseCustomerResponse> {
      const { tenant, customerId } = request;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const entry = { action: 'EraseCustomer', tenantId, tenant } as const;
      await audit.add(call, { ...entry, phase: 'started' });

      let erasedCount = 0;
      let complete = false;
      try {
        do {
          const batch = await conversations.erase(tenantId, customerId, BATCH);
          erasedCount += batch.erased;
          complete = batch.complete;
        } while (!complete && !isStopping() && elapsed() < call.deadline - RESERVE_MS);
      } finally {
        await audit.add(call, { ...entry, phase: 'finished', count: erasedCount });
      }
      return { erasedCount, complete };
    },
  });
}
