import { create, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { pino } from 'pino';
import * as assert from 'uvu/assert';
import { endConversation } from '../../src/api/end-conversation.js';
import { endSession } from '../../src/api/end-session.js';
import { refreshSession } from '../../src/api/refresh-session.js';
import { updateConversation } from '../../src/api/update-conversation.js';
import { widgetView } from '../../src/catalog/widget-view.js';
import type { Conversation, ConversationStore } from '../../src/conversations/conversation.js';
import type { KeyedQueue } from '../../src/conversations/keyed-queue.js';
import { mapViolations } from '../../src/conversations/variables.js';
import {
  EndConversationRequestSchema,
  EndSessionRequestSchema,
  RefreshSessionRequestSchema,
  UpdateConversationRequestSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type { Call } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { createSessionTokens } from '../../src/sessions/token.js';
import { newConversation, newKey, newTenant } from '../contract/rows.js';
import { fakeConversations } from './fake-conversations.js';

/** The RPCs that change a conversation, each through the pipeline, against a store of the test's. */

/** One call, by a process whose clock is off by `skew` ms. */
export interface Operation {
  readonly kind: 'refresh' | 'update' | 'end by token' | 'end by id';
  readonly set: JsonObject;
  readonly remove: readonly string[];
  readonly skew: number;
}

const anyKey = fc.nat(59).map((n) => `k${n}`);
/** Short ones, and ones of which a few fill the row. */
const anyValue = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(fc.integer(), fc.boolean(), fc.constant(null)) },
  { weight: 1, arbitrary: fc.nat(1_500).map((length) => 'x'.repeat(length)) },
  { weight: 1, arbitrary: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }) },
);

/** Any call; `ends` is how many of a hundred end the conversation. */
export const anyOperation = (ends: number): fc.Arbitrary<Operation> =>
  fc.record({
    kind: fc.oneof(
      { weight: 100 - ends, arbitrary: fc.constantFrom('refresh' as const, 'update' as const) },
      { weight: ends, arbitrary: fc.constantFrom('end by token' as const, 'end by id' as const) },
    ),
    set: fc.dictionary(anyKey, anyValue, { maxKeys: 6, noNullPrototype: true }),
    remove: fc.array(anyKey, { maxLength: 4 }),
    skew: fc.oneof(fc.constant(0), fc.integer({ min: -30_000, max: 30_000 })),
  });

const NOW = 1_700_000_000_000;
const SESSION_TTL = 3_600;
const tenant = newTenant();
const key = newKey({ tenantId: tenant.id, allowMissingOrigin: true });
const view = widgetView(tenant, key);
const tokens = createSessionTokens([{ kid: 'k', secret: Buffer.alloc(32, 1) }]);

/** A conversation of the widget key that all operations go by, with 45 variables. */
export function openedRow(): Conversation {
  const iat = NOW / 1000;
  return newConversation({
    tenantId: tenant.id,
    keyId: key.id,
    variables: Object.fromEntries(Array.from({ length: 45 }, (_, n) => [`k${n}`, n])),
    session: { jti: 'AAAAAAAAAAAAAAAAAAAAAA', iat, exp: iat + SESSION_TTL },
    createdAt: NOW,
    updatedAt: NOW,
    // A server purges by its own clock.
    purgeAt: Date.now() + 90 * 86_400_000,
  });
}

/** What a call came to. */
export interface Result {
  readonly operation: Operation;
  /** `ok`, or the code of its refusal. */
  readonly code: string;
  /** When the token that it gave ends. */
  readonly exp: number | undefined;
  /** What it wrote. */
  readonly written: readonly Conversation[];
  /** What it read last. */
  readonly seen: Conversation | undefined;
}

/** Makes one call. `store` is where the conversation is; a call may take `maxCallMs`, and go by a `queue`. */
export async function perform(
  operation: Operation,
  { id, session }: Conversation,
  store: Pick<ConversationStore, 'find' | 'replace'>,
  maxCallMs: number,
  queue: KeyedQueue = (_key, work) => work(),
): Promise<Result> {
  const written: Conversation[] = [];
  let seen: Conversation | undefined;
  const conversations = fakeConversations({
    async find(asked: string) {
      seen = await store.find(asked);
      return seen;
    },
    async replace(conversation: Conversation, expectedRevision: number) {
      const done = await store.replace(conversation, expectedRevision);
      if (done) written.push(conversation);
      return done;
    },
  });
  const now = () => NOW + operation.skew;
  const parts = {
    conversations,
    views: { get: async () => view, getById: async () => view, read: async () => undefined },
    tenants: { get: async () => tenant.id },
    tokens,
    now,
    date: now,
    elapsed: () => performance.now(),
    newJti: () => 'BBBBBBBBBBBBBBBBBBBBBB',
    sessionTtlSeconds: SESSION_TTL,
    resumeWindowSeconds: 86_400,
    sessionMaxAgeSeconds: 7 * 86_400,
    retentionSeconds: 90 * 86_400,
    changeQueue: queue,
    audit: { add: async () => {} },
  };
  const { invoke } = createPipeline({
    authenticate: () => undefined,
    maxCallMs,
    callLog: createCallLog(pino({ level: 'silent' }), now),
  });
  const sessionToken = tokens.sign({ conversationId: id, tenantId: tenant.id, keyId: key.id, ...session });
  const callOf = (surface: Call['surface']): Call => ({
    surface,
    transport: surface === 'chat' ? 'http' : 'grpc',
    requestId: 'r',
    timeoutMs: Number.POSITIVE_INFINITY,
    header: (name) => (name === 'authorization' ? `Bearer ${sessionToken}` : undefined),
  });
  const patch = { variables: operation.set, removeVariables: [...operation.remove] };
  const named = { tenant: tenant.slug, conversationId: id };
  const calls = {
    refresh: () =>
      invoke(refreshSession(parts), () => create(RefreshSessionRequestSchema, patch), callOf('chat')),
    update: () =>
      invoke(
        updateConversation(parts),
        () => create(UpdateConversationRequestSchema, { ...named, ...patch }),
        callOf('engine'),
      ),
    'end by token': () => invoke(endSession(parts), () => create(EndSessionRequestSchema), callOf('chat')),
    'end by id': () =>
      invoke(endConversation(parts), () => create(EndConversationRequestSchema, named), callOf('engine')),
  };
  const outcome = { code: 'ok', exp: undefined as number | undefined };
  try {
    const answer: object = await calls[operation.kind]();
    if ('sessionToken' in answer) outcome.exp = tokens.verify(String(answer.sessionToken), now()).exp;
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code === 'internal') throw error;
    outcome.code = error.code;
  }
  return { operation, ...outcome, written, seen };
}

/** What an operation makes of variables, said anew: the model. */
function merged(variables: JsonObject, { set, remove }: Operation): JsonObject {
  const entries = new Map(Object.entries(variables));
  for (const name of remove) entries.delete(name);
  for (const [name, value] of Object.entries(set)) entries.set(name, value);
  return Object.fromEntries(entries);
}

/** Whether an operation leaves anything different from what it found. */
function changes({ variables, expiresAt }: Conversation, operation: Operation, exp = 0): boolean {
  const text = (of: JsonObject) => JSON.stringify(sorted(of));
  return exp > expiresAt || text(merged(variables, operation)) !== text(variables);
}

function breaksLimits(variables: JsonObject): boolean {
  return Object.keys(variables).length > 50 || Buffer.byteLength(JSON.stringify(variables)) > 4096;
}

const REFUSALS = {
  refresh: { ended: 'invalid_session_token', limits: 'validation_failed' },
  update: { ended: 'conversation_ended', limits: 'validation_failed' },
} as const;

/**
 * Holds what came of calls that ran side by side against the rules: there is an order of them (that of the
 * revisions) in which each found what the one before it left, and did what it was asked to, or nothing.
 */
export function checkHistory(
  opened: Conversation,
  end: Conversation | undefined,
  results: readonly Result[],
): void {
  const writes = results
    .flatMap(({ operation, written }) => written.map((row) => ({ operation, row })))
    .sort((a, b) => a.row.revision - b.row.revision);

  let before = opened;
  for (const { operation, row } of writes) {
    assert.is(before.endedAt, undefined, 'an ended conversation was changed');
    assert.is(row.revision, before.revision + 1);
    assert.ok(row.updatedAt >= before.updatedAt && row.purgeAt >= before.purgeAt);
    assert.ok(row.expiresAt >= before.expiresAt);
    assert.equal(mapViolations('variables', row.variables), []);
    const ends = operation.kind.startsWith('end');
    assert.is(row.endedAt !== undefined, ends);
    const expected = ends ? before.variables : merged(before.variables, operation);
    assert.equal(sorted(row.variables), sorted(expected), operation.kind);
    const { id, tenantId, keyId, createdAt, session, customerId, origin, surface } = row;
    assert.equal(
      { id, tenantId, keyId, createdAt, session, customerId, origin, surface },
      pick(opened),
      'what never changes has changed',
    );
    before = row;
  }
  assert.equal(end, before, 'the row is what the last change made');

  for (const { operation, code, exp, written, seen } of results) {
    const { kind } = operation;
    if (kind === 'refresh' || kind === 'update') {
      const refusals = REFUSALS[kind];
      const wasEnded = seen?.endedAt !== undefined;
      const limits = seen !== undefined && breaksLimits(merged(seen.variables, operation));
      const why = wasEnded ? refusals.ended : limits || breaksLimits(operation.set) ? refusals.limits : 'ok';
      assert.is(code, why, `${kind} of ${JSON.stringify(operation)}`);
      const isWrite = code === 'ok' && seen !== undefined && changes(seen, operation, exp);
      assert.is(written.length, isWrite ? 1 : 0, `${kind}: ${code}`);
    } else {
      assert.is(code, 'ok', kind);
      assert.is(written.length, seen?.endedAt === undefined ? 1 : 0);
    }
    if (exp !== undefined)
      assert.ok((end?.expiresAt ?? 0) >= exp, 'a token outlives its conversation’s expiresAt');
  }
}

const sorted = (variables: JsonObject) => Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1));

function pick({ id, tenantId, keyId, createdAt, session, customerId, origin, surface }: Conversation) {
  return { id, tenantId, keyId, createdAt, session, customerId, origin, surface };
}
