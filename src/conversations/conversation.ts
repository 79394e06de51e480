import type { JsonObject } from '@bufbuild/protobuf';
import type { CallSignal } from '../rpc/call-signal.js';
import type { Surface } from '../rpc/surface.js';

/** A conversation as it is stored: one document, written once for an open. Times are ms since the epoch. */
export interface Conversation {
  /** UUIDv7, or UUIDv8 when made from an idempotency key. */
  readonly id: string;
  readonly tenantId: string;
  /** The widget key's id. */
  readonly keyId: string;
  readonly customerId: string | undefined;
  /** Whether the site vouched for the customer id. What is not verified never gives access to anything. */
  readonly customerVerified: boolean;
  /** Canonical BCP-47. */
  readonly locale: string | undefined;
  readonly variables: JsonObject;
  readonly origin: string | undefined;
  readonly surface: Surface;
  /** The session that it was opened with: what its first token says. Times are in seconds. */
  readonly session: { readonly jti: string; readonly iat: number; readonly exp: number };
  readonly idempotency: Idempotency | undefined;
  /** When the last of its tokens expires, in seconds since the epoch. */
  readonly expiresAt: number;
  /** Once set, it stays so: an ended conversation is never changed again. */
  readonly endedAt: number | undefined;
  readonly createdAt: number;
  /** Never before any of its changes, whatever the writers' clocks say. */
  readonly updatedAt: number;
  /** When the row may be removed. */
  readonly purgeAt: number;
  /** Counts its changes, from 1. */
  readonly revision: number;
  /** The latest of its changes, but for its opening and its end. */
  readonly changes: readonly Change[];
}

/** What makes an open repeatable. */
export interface Idempotency {
  /** SHA-256 of the request, base64url. */
  readonly requestHash: string;
  /** The end of the time in which the same request gets the same answer. */
  readonly until: number;
}

/** A change of a conversation, kept for those who watch. */
export interface Change {
  readonly kind: 'refreshed' | 'updated';
  /** The revision that it made. */
  readonly revision: number;
  readonly at: number;
}

/** How many changes are kept. */
const MAX_CHANGES = 30;

/** A conversation with a change: `more` is what it changes, `date` its time in ms. */
export function changed(
  conversation: Conversation,
  kind: Change['kind'] | 'ended',
  { date, retentionSeconds }: { readonly date: () => number; readonly retentionSeconds: number },
  more: Partial<Conversation> = {},
): Conversation {
  const revision = conversation.revision + 1;
  const at = Math.max(date(), conversation.updatedAt);
  const { changes } = conversation;
  return {
    ...conversation,
    ...more,
    revision,
    updatedAt: at,
    purgeAt: Math.max(conversation.purgeAt, at + retentionSeconds * 1000),
    ...(kind === 'ended'
      ? { endedAt: at }
      : { changes: [...changes, { kind, revision, at }].slice(-MAX_CHANGES) }),
  };
}

/** Where conversations live. All methods throw ServiceError unavailable | internal. */
export interface ConversationStore {
  /**
   * Writes a new conversation, durably (acknowledged by a majority) before it resolves.
   *
   * @returns undefined when it was written, else the conversation that has its id already, as a majority
   * has it.
   * @param signal of the call: a write that is not wanted any more is not begun
   * @throws ServiceError deadline_exceeded and canceled too
   */
  insert(conversation: Conversation, signal?: CallSignal): Promise<Conversation | undefined>;

  /** The conversation as a majority has it. */
  find(id: string): Promise<Conversation | undefined>;

  /** The conversations of these ids that there are, in any order. */
  findAll(ids: readonly string[]): Promise<readonly Conversation[]>;

  /** Replaces the conversation that still has `expectedRevision`. @returns false when it has another, or is gone. */
  replace(conversation: Conversation, expectedRevision: number): Promise<boolean>;

  /** Conversations of a tenant, the last opened first; of those opened at the same time, the highest id. */
  list(query: ConversationQuery): Promise<readonly Conversation[]>;

  /** Deletes up to `limit` conversations of a customer. */
  erase(
    tenantId: string,
    customerId: string,
    limit: number,
  ): Promise<{ readonly erased: number; readonly complete: boolean }>;

  /**
   * What was changed at or after `from`, in the order of (updatedAt, id), behind `after` if given. The conversations
   * themselves are left out: most of them are known to who asks. One that is changed for the first time while it looks
   * may be missing: its change is of this moment, so whoever asks again from a little earlier has it.
   */
  changedSince(
    tenantId: string,
    from: number,
    after: Changed | undefined,
    limit: number,
  ): Promise<readonly Changed[]>;
}

/** Which conversations to list. */
export interface ConversationQuery {
  readonly tenantId: string;
  readonly customerId?: string | undefined;
  readonly verifiedOnly: boolean;
  /** Opened at or after, in ms. */
  readonly openedFrom?: number | undefined;
  /** Opened before, in ms. */
  readonly openedBefore?: number | undefined;
  /** Only those that come behind this one. */
  readonly after?: { readonly createdAt: number; readonly id: string } | undefined;
  readonly limit: number;
}

/** A conversation that was changed, and when. */
export interface Changed {
  readonly id: string;
  readonly revision: number;
  readonly updatedAt: number;
}
