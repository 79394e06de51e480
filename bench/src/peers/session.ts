import { randomBytes } from 'node:crypto';
import type { WidgetView } from 'chatsessions/catalog/widget-view.js';
import { canonicalLocale } from 'chatsessions/conversations/locale.js';
import { CONVERSATION_INDEXES } from 'chatsessions/mongo/database.js';
import { createSessionTokens, type SessionClaims } from 'chatsessions/sessions/token.js';
import { MongoClient, UUID } from 'mongodb';
import { v7 as uuidV7 } from 'uuid';
import type { Settings } from './process.js';

/** Who calls: a browser, or an internal service. */
export type Surface = 'chat' | 'engine';

/** A checked open. Empty texts and null mean absent. */
export interface OpenRequest {
  readonly publicKey: string;
  readonly customerId?: string | null | undefined;
  readonly locale?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The stored row of an open: the service's, without the fields that only its other RPCs need. */
export interface SessionRow {
  readonly _id: UUID;
  readonly tenantId: UUID;
  readonly keyId: UUID;
  readonly customerId: string | undefined;
  readonly locale: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly origin: string | undefined;
  readonly surface: Surface;
  readonly session: { readonly jti: string; readonly iat: Date; readonly exp: Date };
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly purgeAt: Date;
}

/** A session before it is stored: its row, and the claims of its token. */
export interface NewSession {
  readonly row: SessionRow;
  readonly claims: SessionClaims;
}

/**
 * Makes sessions. The service's own code signs tokens, synchronously and with a cached key object. A team would use a
 * JWT library, which costs several times as much.
 */
export function createSessions({ SIGNING_KEY, SESSION_TTL, RETENTION }: Settings) {
  const { sign } = createSessionTokens([SIGNING_KEY]);

  function begin(
    { tenantId, keyId }: WidgetView,
    request: OpenRequest,
    surface: Surface,
    origin?: string,
  ): NewSession {
    const now = Date.now();
    const iat = Math.floor(now / 1000);
    const exp = iat + SESSION_TTL;
    const conversationId = uuidV7();
    // It has the length of the service's.
    const jti = `${randomBytes(16).toString('base64url')}-`;
    const row = {
      _id: new UUID(conversationId),
      tenantId: new UUID(tenantId),
      keyId: new UUID(keyId),
      customerId: request.customerId || undefined,
      locale: canonicalLocale(request.locale ?? ''),
      variables: request.variables ?? {},
      origin,
      surface,
      session: { jti, iat: new Date(iat * 1000), exp: new Date(exp * 1000) },
      createdAt: new Date(now),
      updatedAt: new Date(now),
      purgeAt: new Date(now + RETENTION * 1000),
    };
    return { row, claims: { conversationId, tenantId, keyId, jti, iat, exp } };
  }

  return { begin, sign };
}

/**
 * Connects with the driver, whose pool and timeouts are the defaults, and creates the service's indexes on the peer's
 * collection.
 */
export async function connectDatabase({ MONGODB_URI, MONGODB_DB }: Settings, peer: string) {
  const client = new MongoClient(MONGODB_URI, { writeConcern: { w: 'majority' }, ignoreUndefined: true });
  const db = client.db(MONGODB_DB);
  const sessions = db.collection<SessionRow>(`sessions_${peer}`);
  for (const { key, ...options } of CONVERSATION_INDEXES) await sessions.createIndex(key, options);
  return { client, db, sessions };
}
