import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type WatchConversationsRequest,
  type WatchConversationsResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditLog } from '../rpc/audit.js';
import { STOPPING, type StreamCall } from '../rpc/call.js';
import { ServiceError, stopping, toServiceError } from '../rpc/errors.js';
import { defineStreamRpc } from '../rpc/rpc.js';
import type { Cursors, Place } from './cursors.js';
import { tenantViolations } from './rules.js';
import { type TailParts, tailConversations } from './tail-conversations.js';
import type { WatchPlace } from './watch-window.js';

/** What watching conversations needs. */
export interface WatchConversationsParts extends TailParts {
  readonly tenants: TenantIds;
  readonly audit: AuditLog;
  readonly cursors: Cursors;
}

/**
 * WatchConversations: what happens to a tenant's conversations, at least once each, as fast as it is taken. Audited.
 *
 * Whatever ends it but the caller, it says where to go on from: behind the last message that was taken.
 */
export function watchConversations(parts: WatchConversationsParts) {
  const { tenants, audit, cursors } = parts;

  return defineStreamRpc({
    method: ChatSessions.method.watchConversations,
    codec: ChatSessionsService.watchConversations,
    scope: 'read',
    rules: (request) => tenantViolations(request.tenant),

    async *handle(
      request: WatchConversationsRequest,
      call: StreamCall,
    ): AsyncGenerator<WatchConversationsResponse, void, void> {
      const { tenant } = request;
      const { signal } = call;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const query = ['WatchConversations', tenantId] as const;
      const given = request.resumeToken || undefined;
      const place = given === undefined ? given : toPlace(cursors.read(query, given, 'resumeToken'));
      const entry = { action: 'WatchConversations', tenantId, tenant } as const;
      await audit.add(call, { ...entry, phase: 'started' });

      let resumeToken = given;
      let count = 0;
      try {
        try {
          for await (const batch of tailConversations(parts, tenantId, place, signal)) {
            const next = cursors.make(query, toCursor(batch.place));
            count += batch.events.length;
            yield { events: [...batch.events], resumeToken: next };
            resumeToken = next;
          }
          if (signal.reason === STOPPING) throw stopping();
        } finally {
          await audit.add(call, { ...entry, phase: 'finished', count });
        }
      } catch (thrown) {
        const { code, message, details, cause } = toServiceError(thrown);
        throw new ServiceError(code, message, { ...details, ...(resumeToken && { resumeToken }) }, cause);
      }
    },
  });
}

/** A cursor has room for a time and an id: the floor is where the id would be. */
function toCursor({ from, floor }: WatchPlace): Place {
  return { time: from, id: String(floor) };
}

function toPlace({ time, id }: Place): WatchPlace {
  return { from: time, floor: Number(id) };
}
