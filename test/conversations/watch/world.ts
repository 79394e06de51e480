import { setImmediate as turn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { watchConversations } from '../../../src/api/watch-conversations.js';
import {
  applyChange,
  type Change,
  type Conversation,
  type ErasedConversation,
} from '../../../src/conversations/conversation.js';
import { createCursors } from '../../../src/conversations/cursors.js';
import { isErased, reopened, toErased } from '../../../src/conversations/erased.js';
import { createStreamCaps, type StreamLimits } from '../../../src/conversations/watch/stream-caps.js';
import { createWatches, type WatchDeps } from '../../../src/conversations/watch/watches.js';
import { WatchConversationsRequestSchema } from '../../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type { WatchConversationsResponse } from '../../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuditEntry } from '../../../src/rpc/audit.js';
import { createDates, type Dates } from '../../../src/time/dates.js';
import type { Pause } from '../../../src/time/pause.js';
import { newConversation } from '../../contract/rows.js';
import { driveStream, streamPipeline } from '../../harness/drive-stream.js';

/** The tenant `acme` of every world. */
const TENANT_ID = '0193aa00-0000-7000-8000-0000000000a1';
/** The tenant `globex`. */
export const OTHER_TENANT_ID = '0193aa00-0000-7000-8000-0000000000a2';
/** When every world begins. */
export const START = 1_800_000_000_000;

/** How often a test looks for an answer, at most. */
const MAX_LOOKS = 10_000;

/** Conversations, a clock and watches of them: all under the test's control. */
export type World = ReturnType<typeof createWorld>;

/** A world without conversations. */
export function createWorld() {
  const rows = new Map<string, Conversation | ErasedConversation>();
  /** True time, in ms since the epoch; `wrong` is by how much the wall clock of the watch's process is not. */
  const clock = { now: START, wrong: 0 };
  const elapsed = () => clock.now - START;
  const dates = createDates(() => clock.now + clock.wrong, elapsed);
  const audited: AuditEntry[] = [];
  const loads: number[] = [];
  /** The pages that were read: whose, and from when on. */
  const looks: { readonly tenantId: string; readonly from: number }[] = [];
  const hooks = { beforePage: (_from: number) => {}, beforeLoad: () => {} };
  const cursors = createCursors([Buffer.alloc(32, 7)]);

  const id = (n: number) => `0193aa00-0000-7000-8000-${String(n).padStart(12, '0')}`;

  /** Opens a conversation, by a clock that is off by `skew` ms; over a tombstone it reuses its id. @returns its revision */
  function open(n: number, skew = 0, more: Partial<Conversation> = {}): number {
    const at = clock.now + skew;
    const times = { createdAt: at, updatedAt: at };
    const opened = newConversation({ id: id(n), tenantId: TENANT_ID, ...times, ...more });
    const found = rows.get(id(n));
    const stored = found && isErased(found) ? reopened(opened, found) : opened;
    rows.set(id(n), stored);
    return stored.revision;
  }

  /** Erases a conversation, by a clock that is off by `skew` ms. @returns the revision of its tombstone, if any */
  function erase(n: number, skew = 0): number | undefined {
    const found = rows.get(id(n));
    if (found === undefined || isErased(found)) return undefined;
    const erased = toErased(found, clock.now + skew);
    rows.set(id(n), erased);
    return erased.revision;
  }

  /** Changes a conversation; what has ended stays as it is. @returns the revision that came of it, if any */
  function change(n: number, kind: Change['kind'] | 'ended', skew = 0): number | undefined {
    const found = rows.get(id(n));
    if (found === undefined || isErased(found) || found.endedAt !== undefined) return undefined;
    const next = applyChange(found, kind, { date: () => clock.now + skew, retentionSeconds: 3600 });
    rows.set(id(n), next);
    return next.revision;
  }

  const conversations: WatchDeps['conversations'] = {
    async changedSince(tenantId, from, after, limit) {
      hooks.beforePage(from);
      looks.push({ tenantId, from });
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
    async findChanged(ids) {
      hooks.beforeLoad();
      loads.push(ids.length);
      return ids.flatMap((one) => rows.get(one) ?? []).reverse();
    },
  };

  const pauses = new Set<{ readonly until: number; readonly end: () => void }>();
  /** Time passes while a test waits for an answer, and only then. */
  const pauseHere: Pause = (ms, signal) =>
    new Promise((resolve) => {
      const one = {
        until: clock.now + ms,
        end() {
          pauses.delete(one);
          signal.removeEventListener('abort', one.end);
          resolve();
        },
      };
      pauses.add(one);
      signal.addEventListener('abort', one.end);
      if (signal.aborted) one.end();
    });

  /** Lets time pass, from one end of a pause to the next, until a promise is settled. */
  async function settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      await turn();
      if (isSettled) return promise;
      const [next] = [...pauses].sort((a, b) => a.until - b.until);
      if (next) {
        clock.now = Math.max(clock.now, next.until);
        next.end();
      }
    }
    throw new Error('nothing comes');
  }

  /** A process of the service, with the wall clock of `by`. */
  function createProcess({
    by = dates,
    pause = pauseHere,
    limits = {},
    maxKept,
  }: {
    by?: Dates;
    pause?: Pause;
    limits?: StreamLimits;
    maxKept?: number;
  } = {}) {
    const rpc = watchConversations({
      watches: createWatches({
        ...{ conversations, cursors, dates: by, elapsed, pause },
        pace: async () => async () => {},
        ...(maxKept !== undefined && { maxKept }),
      }),
      watchCaps: createStreamCaps(limits),
      tenants: { get: async (slug) => ({ acme: TENANT_ID, globex: OTHER_TENANT_ID })[slug] },
      audit: { add: async (_call, entry) => void audited.push(entry) },
    });
    const anyone = streamPipeline(undefined, elapsed);

    /** A watch of the tenant, and its reader. */
    function watch(resumeToken = '', { tenant = 'acme', caller }: { tenant?: string; caller?: string } = {}) {
      const pipeline =
        caller === undefined
          ? anyone
          : streamPipeline({ name: caller, scopes: new Set(['read']), tenants: 'all' }, elapsed);
      const message = create(WatchConversationsRequestSchema, { tenant, resumeToken });
      const { next, ...rest } = driveStream(pipeline, rpc, message);
      return { ...rest, next: () => settled(next()) };
    }
    return { watch, stop: anyone.stop };
  }

  return {
    ...{ rows, clock, elapsed, audited, loads, looks, hooks, id, open, change, erase, conversations },
    createProcess,
    watch: createProcess().watch,
  };
}

/** An answer as a test reads it: `<the conversation's number>.<revision> <kind>`, in order. */
export function briefly({ events }: WatchConversationsResponse): string[] {
  const kinds = ['?', 'opened', 'refreshed', 'updated', 'ended', 'erased'];
  return events.map(
    ({ kind, revision, conversation }) =>
      `${Number(conversation?.conversationId.slice(-12))}.${revision} ${kinds[kind]}`,
  );
}
