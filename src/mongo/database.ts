import type { JsonObject } from '@bufbuild/protobuf';
import type { Binary, CreateIndexesOptions, Db } from 'mongodb';
import { MongoClient } from 'mongodb';
import type { Flow, IdentityMode, IdentitySecret, QuickQuestion, WidgetKey } from '../catalog/catalog.js';
import type { Change } from '../conversations/conversation.js';
import type { AuditEntry } from '../rpc/audit.js';
import type { Surface } from '../rpc/surface.js';
import type { StoredUuid } from './stored-uuid.js';
import { watchMonitor } from './watch-monitor.js';

/** A row of `tenants`. */
export interface TenantDocument {
  readonly _id: StoredUuid;
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly (Omit<Flow, 'id'> & { readonly id: StoredUuid })[];
  readonly quickQuestions: readonly (Omit<QuickQuestion, 'flowId'> & { readonly flowId?: StoredUuid })[];
  readonly keysDigest: string;
  readonly revision: number;
}

/** A row of `widget_keys`. */
export interface WidgetKeyDocument
  extends Omit<WidgetKey, 'id' | 'tenantId' | 'endsAt' | 'identity' | 'identitySecretGeneration'> {
  readonly _id: StoredUuid;
  readonly tenantId: StoredUuid;
  readonly endsAt?: Date;
  /** Absent in rows from before there were identities. */
  readonly identity?: IdentityMode;
  readonly identitySecretGeneration?: number;
}

/** A row of `identity_secrets`, by the widget key's id: apart from the keys, so that who reads those has no secret. */
export interface IdentitySecretDocument extends Omit<IdentitySecret, 'keyId' | 'sealed'> {
  readonly _id: StoredUuid;
  readonly sealed: Binary;
}

/** A row of `conversations`. */
export interface ConversationDocument {
  readonly _id: StoredUuid;
  readonly tenantId: StoredUuid;
  readonly keyId: StoredUuid;
  readonly customerId?: string | undefined;
  readonly customerVerified?: boolean | undefined;
  readonly locale?: string | undefined;
  /** Only ever written and read as a whole, so that no key of it is read as an operator or a path. */
  readonly variables: JsonObject;
  readonly origin?: string | undefined;
  readonly surface: Surface;
  readonly session: { readonly jti: string; readonly iat: Date; readonly exp: Date };
  readonly idempotency?: { readonly requestHash: string; readonly until: Date } | undefined;
  /** Left out while it is that of the first session. */
  readonly expiresAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly purgeAt: Date;
  /** Absent in rows from before there were changes. */
  readonly revision?: number | undefined;
  readonly changes?: readonly (Omit<Change, 'at'> & { readonly at: Date })[] | undefined;
}

/** A row of `audit`: see AuditEntry. */
export interface AuditDocument extends Omit<AuditEntry, 'tenantId'> {
  readonly _id: StoredUuid;
  readonly at: Date;
  /** The engine caller; absent where callers need not show who they are. */
  readonly caller?: string;
  readonly requestId: string;
  readonly tenantId: StoredUuid;
}

/** The service's collections. */
export interface Database {
  readonly db: Db;
  readonly tenants: ReturnType<typeof collections>['tenants'];
  readonly widgetKeys: ReturnType<typeof collections>['widgetKeys'];
  readonly identitySecrets: ReturnType<typeof collections>['identitySecrets'];
  readonly conversations: ReturnType<typeof collections>['conversations'];
  /** Rows are added; nothing else can be done to them. */
  readonly audit: Pick<ReturnType<typeof collections>['audit'], 'insertOne'>;
  close(): Promise<void>;
}

/** Of conversations that were changed since their opening. */
export const CHANGED = { revision: { $gt: 1 } } as const;

/** How long the driver looks for a server, in ms. */
const SERVER_SELECTION_MS = 3_000;
/** How long a server may be silent in the middle of an operation, in ms, before its connection is given up. */
const SOCKET_MS = 4_000;

/**
 * Connects to a MongoDB server and makes the indexes. All writes are acknowledged by a majority, and all reads
 * see what a majority has.
 *
 * @throws the driver's errors
 */
export async function openDatabase(uri: string, name: string): Promise<Database> {
  const client = new MongoClient(uri, {
    appName: 'chatsessions',
    serverSelectionTimeoutMS: SERVER_SELECTION_MS,
    connectTimeoutMS: SERVER_SELECTION_MS,
    socketTimeoutMS: SOCKET_MS,
    waitQueueTimeoutMS: SERVER_SELECTION_MS,
    writeConcern: { w: 'majority' },
    readConcern: { level: 'majority' },
    ignoreUndefined: true,
  });
  const unwatch = watchMonitor(client);
  const close = () => {
    unwatch();
    return client.close();
  };
  try {
    await client.connect();
    const db = client.db(name);
    const made = collections(db);
    await createIndexes(made);
    return { db, ...made, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function collections(db: Db) {
  return {
    tenants: db.collection<TenantDocument>('tenants'),
    widgetKeys: db.collection<WidgetKeyDocument>('widget_keys'),
    identitySecrets: db.collection<IdentitySecretDocument>('identity_secrets'),
    conversations: db.collection<ConversationDocument>('conversations'),
    audit: db.collection<AuditDocument>('audit'),
  };
}

interface ConversationIndex
  extends Pick<CreateIndexesOptions, 'name' | 'expireAfterSeconds' | 'partialFilterExpression'> {
  readonly key: Readonly<Record<string, 1 | -1>>;
}

/** How conversations are found; the queries are in conversations.ts. */
export const CONVERSATION_INDEXES: readonly ConversationIndex[] = [
  { key: { tenantId: 1, customerId: 1, createdAt: -1, _id: -1 } },
  { key: { tenantId: 1, createdAt: -1, _id: -1 } },
  // Of the verified ones, which may be few among many guests.
  {
    key: { tenantId: 1, customerVerified: 1, createdAt: -1, _id: -1 },
    partialFilterExpression: { customerVerified: true },
  },
  // Of those that were changed since their opening: what opens write is in the indexes above.
  { key: { tenantId: 1, updatedAt: 1, _id: 1 }, name: 'changed', partialFilterExpression: CHANGED },
  { key: { purgeAt: 1 }, expireAfterSeconds: 0 },
];

async function createIndexes({
  tenants,
  widgetKeys,
  conversations,
  audit,
}: ReturnType<typeof collections>): Promise<void> {
  await tenants.createIndex({ slug: 1 }, { unique: true });
  await widgetKeys.createIndex({ publicKey: 1 }, { unique: true });
  await widgetKeys.createIndex({ tenantId: 1 });
  for (const { key, ...options } of CONVERSATION_INDEXES) await conversations.createIndex(key, options);
  await audit.createIndex({ tenantId: 1, at: 1 });
}
