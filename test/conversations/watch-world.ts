import { type Change, type Conversation, changed } from '../../src/conversations/conversation.js';
import { createCursors } from '../../src/conversations/cursors.js';
import { createDates, type Dates } from '../../src/conversations/dates.js';
import {
  type WatchConversationsParts,
  watchConversations,
} from '../../src/conversations/watch-conversations.js';
import type { WatchConversationsResponse } from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditEntry } from '../../src/rpc/audit.js';
import type { StreamCall } from '../../src/rpc/call.js';
import type { Pause } from '../../src/rpc/pause.js';
import { newConversation } from '../contract/rows.js';

/** The tenant `acme` of every world. */
export const TENANT_ID = '0193aa00-0000-7000-8000-0000000000a1';
/** The tenant `globex`. */
export const OTHER_TENANT_ID = '0193aa00-0000-7000-8000-0000000000a2';
/** When every world begins. */
export const START = 1_800_000_000_000;

/** Conversations, a clock and watches of them: all under the test's control. */
export type World = ReturnType<typeof createWorld>;

/** A world without conversations. */
export function createWorld() {
  const rows = new Map<string, Conversation>();
  /** True time, in ms since the epoch; `wrong` is by how much the wall clock of the watch's process is not. */
  const clock = { now: START, wrong: 0 };
  const elapsed = () => clock.now - START;
  const dates = createDates(() => clock.now + clock.wrong, elapsed);
  const audited: AuditEntry[] = [];
  const loads: number[] = [];
  const hooks = { beforePage: () => {}, beforeLoad: () => {} };
  const cursors = createCursors([Buffer.alloc(32, 7)]);

  const id = (n: number) => `0193aa00-0000-7000-8000-${String(n).padStart(12, '0')}`;

  /** Opens a conversation, by a clock that is off by `skew` ms. */
  function open(n: number, skew = 0, more: Partial<Conversation> = {}) {
    const at = clock.now + skew;
    const times = { createdAt: at, updatedAt: at };
    rows.set(id(n), newConversation({ id: id(n), tenantId: TENANT_ID, ...times, ...more }));
  }

  /** Changes a conversation; what has ended stays as it is. @returns the revision that came of it, if any */
  function change(n: number, kind: Change['kind'] | 'ended', skew = 0): number | undefined {
    const found = rows.get(id(n));
    if (found === undefined || found.endedAt !== undefined) return undefined;
    const next = changed(found, kind, { date: () => clock.now + skew, retention: 3600 });
    rows.set(id(n), next);
    return next.revision;
  }

  const conversations: WatchConversationsParts['conversations'] = {
    async changedSince(tenantId, from, after, limit) {
      hooks.beforePage();
      return [...rows.values()]
        .filter((row) => row.tenantId === tenantId && row.updatedAt >= from)
        .sort((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1))
        .filter(
          (row) =>
            after === undefined ||
            row.updatedAt > after.updatedAt ||
            (row.updatedAt === after.updatedAt && row.id > after.id),
        )
        .slice(0, limit)
        .map(({ id, revision, updatedAt }) => ({ id, revision, updatedAt }));
    },
    async findAll(ids) {
      hooks.beforeLoad();
      loads.push(ids.length);
      return ids.flatMap((one) => rows.get(one) ?? []).reverse();
    },
  };

  /** A watch of the tenant, and its reader. */
  function watch(
    resumeToken = '',
    { pause, tenant = 'acme', by = dates }: { pause?: Pause; tenant?: string; by?: Dates } = {},
  ) {
    const gone = new AbortController();
    const rpc = watchConversations({
      conversations,
      cursors,
      dates: by,
      elapsed,
      pause:
        pause ??
        (async (ms) => {
          clock.now += ms;
        }),
      tenants: { get: async (slug) => ({ acme: TENANT_ID, globex: OTHER_TENANT_ID })[slug] },
      audit: { add: async (_call, entry) => void audited.push(entry) },
    });
    const call: StreamCall = {
      surface: 'engine',
      transport: 'grpc',
      requestId: 'r',
      timeoutMs: Number.POSITIVE_INFINITY,
      header: () => undefined,
      caller: undefined,
      deadline: Number.POSITIVE_INFINITY,
      signal: gone.signal,
    };
    return { gone, answers: rpc.handle({ tenant, resumeToken }, call) };
  }

  return { rows, clock, elapsed, audited, loads, hooks, id, open, change, conversations, watch };
}

/** An answer as a test reads it: `<the conversation's number>.<revision> <kind>`, in order. */
export function briefly({ events }: WatchConversationsResponse): string[] {
  const kinds = ['?', 'opened', 'refreshed', 'updated', 'ended'];
  return events.map(
    ({ kind, revision, conversation }) =>
      `${Number(conversation?.conversationId.slice(-12))}.${revision} ${kinds[kind]}`,
  );
}
