import { requireTenantId, type TenantIds } from '../catalog/tenant-ids.js';
import { ChatSessions } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type {
  WatchConversationsRequest,
  WatchConversationsResponse,
} from '../gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditLog } from '../rpc/audit.js';
import { STOPPING, type StreamCall } from '../rpc/call.js';
import { ServiceError, stopping, toServiceError } from '../rpc/errors.js';
import { defineStreamRpc } from '../rpc/rpc.js';
import type { Cursors, Place } from './cursors.js';
import { followConversations } from './follow-conversations.js';
import { tenantViolations } from './rules.js';
import type { StreamCaps } from './stream-caps.js';
import { watchCodec } from './watch-response.js';
import type { TailParts } from './watch-tail.js';
import { createTails } from './watch-tails.js';
import type { WatchPlace } from './watch-window.js';

/** What watching conversations needs. */
export interface WatchConversationsParts extends TailParts {
  readonly tenants: TenantIds;
  readonly audit: AuditLog;
  readonly cursors: Cursors;
  readonly watchCaps: StreamCaps;
}

/**
 * WatchConversations: what happens to a tenant's conversations, at least once each, as fast as it is taken. Audited.
 *
 * Whatever ends it but the caller, it says where to go on from: behind the last message that was taken.
 */
export function watchConversations(parts: WatchConversationsParts) {
  const { tenants, audit, cursors, watchCaps } = parts;
  const tokenOf = (tenantId: string, place: WatchPlace) => cursors.make(queryOf(tenantId), toCursor(place));
  const tails = createTails(parts, tokenOf);

  return defineStreamRpc({
    method: ChatSessions.method.watchConversations,
    codec: watchCodec,
    scope: 'read',
    rules: (request) => tenantViolations(request.tenant),

    async *handle(
      request: WatchConversationsRequest,
      call: StreamCall,
    ): AsyncGenerator<WatchConversationsResponse, void, void> {
      const { tenant } = request;
      const { signal } = call;
      const tenantId = await requireTenantId(tenants, call, tenant);
      const given = request.resumeToken || undefined;
      const place =
        given === undefined ? given : toPlace(cursors.read(queryOf(tenantId), given, 'resumeToken'));
      const release = watchCaps.take(call.caller?.name);
      try {
        const entry = { action: 'WatchConversations', tenantId, tenant } as const;
        await audit.add(call, { ...entry, phase: 'started' });
        const { tail, leave } = tails.of(tenantId);
        const watcher = { tenantId, tail, signal, tokenOf: (at: WatchPlace) => tokenOf(tenantId, at) };
        let resumeToken = given;
        let count = 0;
        try {
          try {
            for await (const response of followConversations(parts, watcher, place)) {
              count += response.events.length;
              yield response;
              ({ resumeToken } = response);
            }
            if (signal.reason === STOPPING) throw stopping();
          } finally {
            leave();
            await audit.add(call, { ...entry, phase: 'finished', count });
          }
        } catch (thrown) {
          const { code, message, details, cause } = toServiceError(thrown);
          throw new ServiceError(code, message, { ...details, ...(resumeToken && { resumeToken }) }, cause);
        }
      } finally {
        release();
      }
    },
  });
}

/** What resume tokens belong to. */
function queryOf(tenantId: string) {
  return ['WatchConversations', tenantId] as const;
}

/** A cursor has room for a time and an id: the floor is where the id would be. */
function toCursor({ from, floor }: WatchPlace): Place {
  return { time: from, id: String(floor) };
}

function toPlace({ time, id }: Place): WatchPlace {
  return { from: time, floor: Number(id) };
}
