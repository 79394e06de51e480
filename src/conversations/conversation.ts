import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@bufbuild/protobuf';
import type { CallSignal } from '../rpc/call-signal.js';
import type { Surface } from '../rpc/surface.js';

/** A stored conversation: one document, inserted by OpenSession. Times are ms since the epoch unless noted. */
export interface Conversation {
  /** UUIDv7, or UUIDv8 when made from an idempotency key. */
  readonly id: string;
  readonly tenantId: string;
  /** The widget key's id. */
  readonly keyId: string;
  readonly customerId: string | undefined;
  /** Whether the site vouched for the customer id. An unverified id never gives access to anything. */
  readonly customerVerified: boolean;
  /** Canonical BCP-47. */
  readonly locale: string | undefined;
  /** What the visitor's browser may say: untrusted. */
  readonly variables: JsonObject;
  /** What services know: the chat surface can neither read nor write them. */
  readonly attributes: JsonObject;
  readonly origin: string | undefined;
  readonly surface: Surface;
  /** The claims of the first session token. Times are in seconds. */
  readonly session: { readonly jti: string; readonly iat: number; readonly exp: number };
  readonly idempotency: Idempotency | undefined;
  /** How long each of its session tokens lasts, in seconds; SESSION_TTL when absent. */
  readonly ttlSeconds?: number | undefined;
  /** The latest opens with an idempotency key that continued this conversation, oldest first; absent without any. */
  readonly continuations?: readonly Continuation[] | undefined;
  /** When the last of its session tokens expires, in seconds since the epoch. */
  readonly expiresAt: number;
  /** Never unset again: an ended conversation is immutable. */
  readonly endedAt: number | undefined;
  readonly createdAt: number;
  /** Not before the time of any change, even where the clocks of the writing processes differ. */
  readonly updatedAt: number;
  /** When the TTL index may remove the document. */
  readonly purgeAt: number;
  /** 1 when opened, or more with a `predecessor`; each change adds 1. The compare-and-set of changes compares it. */
  readonly revision: number;
  /** The latest refreshes and updates, oldest first, at most {@link MAX_CHANGES}. */
  readonly changes: readonly Change[];
  /**
   * The erased conversation whose id this one reuses, by its idempotency key. Absent when its tombstone was already
   * removed.
   */
  readonly predecessor?: Pick<ErasedConversation, 'revision' | 'updatedAt'> | undefined;
}

/** The tombstone of an erased conversation. It has no personal data, and only watchers see it. */
export interface ErasedConversation {
  readonly erased: true;
  readonly id: string;
  readonly tenantId: string;
  /** The revision after the conversation's last one: revisions of an id do not repeat while its tombstone is kept. */
  readonly revision: number;
  /** When it was erased, in ms since the epoch. */
  readonly updatedAt: number;
}

/** Lets a retried OpenSession get the answer of the first one. */
export interface Idempotency {
  /** SHA-256 of the request, base64url. */
  readonly requestHash: string;
  /** Until when the same request gets the same answer. */
  readonly until: number;
}

/** An open that continued the conversation. Its retry gets the answer of the first try. */
export interface Continuation extends Idempotency {
  /** The id that a new conversation of this idempotency key would have. */
  readonly id: string;
  /** The claims of the token that was answered. Times are in seconds. */
  readonly session: Conversation['session'];
}

/** A change of a conversation, stored with it so that WatchConversations can report each one. */
export interface Change {
  readonly kind: 'refreshed' | 'updated';
  /** The conversation's revision after the change. */
  readonly revision: number;
  readonly at: number;
}

/** The most changes that a conversation keeps. */
const MAX_CHANGES = 30;

/** The next revision of a conversation. `fields` are the members that change, `date` gives the time in ms. */
export function applyChange(
  conversation: Conversation,
  kind: Change['kind'] | 'ended',
  { date, retentionSeconds }: { readonly date: () => number; readonly retentionSeconds: number },
  fields: Partial<Conversation> = {},
): Conversation {
  const revision = conversation.revision + 1;
  const at = Math.max(date(), conversation.updatedAt);
  const { changes } = conversation;
  return {
    ...conversation,
    ...fields,
    revision,
    updatedAt: at,
    purgeAt: Math.max(conversation.purgeAt, at + retentionSeconds * 1000),
    ...(kind === 'ended'
      ? { endedAt: at }
      : { changes: [...changes, { kind, revision, at }].slice(-MAX_CHANGES) }),
  };
}

/**
 * The next revision of a conversation with other `fields`; the conversation itself when its fields already have these
 * values, so that a change that changes nothing is not stored and wakes no watcher.
 */
export function changeFields(
  conversation: Conversation,
  kind: Change['kind'],
  deps: Parameters<typeof applyChange>[2],
  fields: Partial<Conversation>,
): Conversation {
  const isSame = isDeepStrictEqual({ ...conversation, ...fields }, conversation);
  return isSame ? conversation : applyChange(conversation, kind, deps, fields);
}

/** The store of conversations. All methods throw ServiceError unavailable | internal. */
export interface ConversationStore {
  /**
   * Inserts a conversation and resolves once a majority has acknowledged it.
   *
   * @param signal the call's: when it is aborted, the write is not begun
   * @returns undefined when it was inserted, else the conversation that already has its id (majority read)
   * @throws ServiceError deadline_exceeded and canceled too
   */
  insert(conversation: Conversation, signal?: CallSignal): Promise<Conversation | undefined>;

  /** Reads a conversation with read concern majority. */
  find(id: string): Promise<Conversation | undefined>;

  /** Reads the conversations of these ids, in any order; missing and erased ones are left out. */
  findAll(ids: readonly string[]): Promise<readonly Conversation[]>;

  /** Reads the conversations and the tombstones of these ids, in any order; missing ones are left out. */
  findChanged(ids: readonly string[]): Promise<readonly (Conversation | ErasedConversation)[]>;

  /** Replaces a conversation by compare-and-set. @returns false when its revision differs, or it no longer exists. */
  replace(conversation: Conversation, expectedRevision: number): Promise<boolean>;

  /** Lists conversations of a tenant, ordered by (createdAt, id), both descending. */
  list(query: ConversationQuery): Promise<readonly Conversation[]>;

  /** Lists the same conversations in the same order as {@link list}, without their contents. */
  listRows(query: ConversationQuery): Promise<readonly ListedRow[]>;

  /**
   * Erases up to `limit` conversations of a customer: each is replaced by its tombstone, by compare-and-set. One that
   * changes at the same moment stays, and the answer is not complete.
   *
   * @param at the time to store for the erasure, in ms since the epoch
   */
  erase(
    tenantId: string,
    customerId: string,
    limit: number,
    at: number,
  ): Promise<{ readonly erased: number; readonly complete: boolean }>;

  /** Deletes up to `limit` conversations and tombstones of a tenant, which is deleted itself. */
  deleteOfTenant(
    tenantId: string,
    limit: number,
  ): Promise<{ readonly deleted: number; readonly complete: boolean }>;

  /**
   * Lists which conversations were opened, changed or erased at or after `from`, ordered by (updatedAt, id), after `after`
   * if given. It leaves out their contents, because the caller already knows most of the revisions. A conversation whose
   * first change happens during the query may be missing; a later query that starts a little earlier finds it.
   */
  changedSince(
    tenantId: string,
    from: number,
    after: ChangedRow | undefined,
    limit: number,
  ): Promise<readonly ChangedRow[]>;
}

/** The filter and page of {@link ConversationStore.list}. */
export interface ConversationQuery {
  readonly tenantId: string;
  readonly customerId?: string | undefined;
  readonly verifiedOnly: boolean;
  /** Opened at or after, in ms. */
  readonly openedFrom?: number | undefined;
  /** Opened before, in ms. */
  readonly openedBefore?: number | undefined;
  /** The last conversation of the page before (keyset pagination). */
  readonly after?: { readonly createdAt: number; readonly id: string } | undefined;
  readonly limit: number;
}

/** A row of {@link ConversationStore.listRows}. */
export interface ListedRow extends Pick<Conversation, 'id' | 'keyId' | 'createdAt' | 'endedAt'> {}

/** A row of {@link ConversationStore.changedSince}: which revision a conversation has, and since when. */
export interface ChangedRow {
  readonly id: string;
  readonly revision: number;
  readonly updatedAt: number;
}
