import type { JsonObject } from '@bufbuild/protobuf';
import type { Binary, CreateIndexesOptions, Db } from 'mongodb';
import { MongoClient } from 'mongodb';
import type { KeyReport } from '../catalog/key-report.js';
import type {
  AppliedDigests,
  Flow,
  IdentityMode,
  IdentitySecret,
  OriginMode,
  QuickQuestion,
  WidgetKey,
} from '../catalog/model.js';
import type { Change } from '../conversations/conversation.js';
import type { AuditEntry } from '../rpc/audit.js';
import type { Surface } from '../rpc/surface.js';
import type { StoredUuid } from './binary-uuid.js';
import { guardTopology } from './topology-guard.js';

/** A document of `tenants`. */
export interface TenantDocument {
  readonly _id: StoredUuid;
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly (Omit<Flow, 'id'> & { readonly id: StoredUuid })[];
  readonly quickQuestions: readonly (Omit<QuickQuestion, 'flowId'> & { readonly flowId?: StoredUuid })[];
  readonly revision: number;
  readonly applied?: AppliedDigests | undefined;
  readonly claimedUntil?: Date | undefined;
  readonly deletingSince?: Date | undefined;
}

/** A document of `widget_keys`. */
export interface WidgetKeyDocument
  extends Omit<
    WidgetKey,
    | 'id'
    | 'tenantId'
    | 'name'
    | 'nameSource'
    | 'endsAt'
    | 'identity'
    | 'identitySecretGeneration'
    | 'originMode'
    | 'rotation'
    | 'revision'
  > {
  readonly _id: StoredUuid;
  readonly tenantId: StoredUuid;
  /**
   * The public key that it was created with. It never changes: a rotated key could not be found between two writes if
   * this value of the unique index were replaced. The later ones are aliases.
   */
  readonly publicKey: string;
  /** Absent in documents of versions before names. */
  readonly name?: string;
  /** Whether the name was derived from the label. */
  readonly isNameDerived?: true;
  /** Absent until the public key is rotated. */
  readonly currentPublicKey?: string;
  readonly retiredPublicKeys?: readonly { readonly publicKey: string; readonly until: Date }[];
  readonly endsAt?: Date;
  /** Absent in documents of versions before identity verification. */
  readonly identity?: IdentityMode;
  readonly identitySecretGeneration?: number;
  /** Absent in documents of versions before origin reports. */
  readonly originMode?: OriginMode;
  /** Absent in documents of versions before the revisions of keys. */
  readonly revision?: number;
}

/** A document of `widget_keys` too: see {@link PublicKeyAlias}. */
export interface PublicKeyAliasDocument {
  readonly _id: StoredUuid;
  readonly publicKey: string;
  readonly aliasOf: StoredUuid;
  readonly tenantId: StoredUuid;
}

/**
 * A document of `identity_secrets`; `_id` is the widget key's id. A collection of its own lets a database user read the
 * widget keys without their secrets.
 */
export interface IdentitySecretDocument extends Omit<IdentitySecret, 'keyId' | 'sealed'> {
  readonly _id: StoredUuid;
  readonly sealed: Binary;
}

/** The one document of `catalog_changes`: see {@link ChangeLog}. */
export interface ChangeLogDocument {
  readonly _id: 'catalog';
  /** The length of the log. It guards replacements as the revision of other documents does. */
  readonly revision: number;
  /** The ids of tenants. */
  readonly recent: readonly StoredUuid[];
}

/** A document of `origin_reports`; `_id` is the widget key's id. */
export interface OriginReportDocument extends Pick<KeyReport, 'otherCount' | 'revision'> {
  readonly _id: StoredUuid;
  readonly origins: readonly {
    readonly origin: string;
    readonly count: number;
    readonly firstSeenAt: Date;
    readonly lastSeenAt: Date;
  }[];
  readonly otherSeenAt: Date;
  /** When the whole report is forgotten. */
  readonly purgeAt: Date;
}

/** A document of `conversations`. */
export interface ConversationDocument {
  readonly _id: StoredUuid;
  readonly tenantId: StoredUuid;
  readonly keyId: StoredUuid;
  readonly customerId?: string | undefined;
  readonly customerVerified?: boolean | undefined;
  readonly locale?: string | undefined;
  /** Written and read only as a whole, so that MongoDB never interprets a visitor's key as an operator or a path. */
  readonly variables: JsonObject;
  /** Absent when there are none. */
  readonly attributes?: JsonObject | undefined;
  readonly origin?: string | undefined;
  readonly surface: Surface;
  readonly session: { readonly jti: string; readonly iat: Date; readonly exp: Date };
  readonly idempotency?: { readonly requestHash: string; readonly until: Date } | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly continuations?:
    | readonly {
        readonly id: StoredUuid;
        readonly requestHash: string;
        readonly until: Date;
        readonly session: ConversationDocument['session'];
      }[]
    | undefined;
  /** Absent while it equals `session.exp`. */
  readonly expiresAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly purgeAt: Date;
  /** Absent in documents of versions before revisions. */
  readonly revision?: number | undefined;
  readonly changes?: readonly (Omit<Change, 'at'> & { readonly at: Date })[] | undefined;
  readonly predecessor?: { readonly revision: number; readonly updatedAt: Date } | undefined;
}

/**
 * The tombstone of an erased conversation, a document of `conversations` too. Without `createdAt` and `customerId` no list
 * and no search by customer finds it.
 */
export interface TombstoneDocument {
  readonly _id: StoredUuid;
  readonly erased: true;
  readonly tenantId: StoredUuid;
  readonly updatedAt: Date;
  readonly purgeAt: Date;
  readonly revision: number;
}

/** Any document of `conversations`. */
export type StoredDocument = ConversationDocument | TombstoneDocument;

/** A document of `audit`: see {@link AuditEntry}. */
export interface AuditDocument extends Omit<AuditEntry, 'tenantId'> {
  readonly _id: StoredUuid;
  readonly at: Date;
  /** The engine caller's name; absent where no callers are configured, and when a tenant file is applied at start. */
  readonly caller?: string;
  readonly requestId: string;
  readonly tenantId: StoredUuid;
}

/** The database connection and the service's collections. */
export interface Database {
  readonly db: Db;
  readonly tenants: ReturnType<typeof collections>['tenants'];
  readonly widgetKeys: ReturnType<typeof collections>['widgetKeys'];
  readonly identitySecrets: ReturnType<typeof collections>['identitySecrets'];
  readonly catalogChanges: ReturnType<typeof collections>['catalogChanges'];
  readonly originReports: ReturnType<typeof collections>['originReports'];
  readonly conversations: ReturnType<typeof collections>['conversations'];
  /** The type allows only inserts: audit entries are never changed or deleted. */
  readonly audit: Pick<ReturnType<typeof collections>['audit'], 'insertOne'>;
  close(): Promise<void>;
}

/** The filter for conversations that were changed after their opening, and for tombstones. */
export const CHANGED = { revision: { $gt: 1 } } as const;

/** How long the driver searches for a usable server, in ms. */
const SERVER_SELECTION_MS = 3_000;
/** How long a server may send nothing during an operation, in ms, before the driver closes the connection. */
const SOCKET_MS = 4_000;

/**
 * Connects to a MongoDB server and creates the indexes. Writes have write concern majority, reads read concern majority.
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
  const stopGuard = guardTopology(client);
  const close = () => {
    stopGuard();
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
    widgetKeys: db.collection<WidgetKeyDocument | PublicKeyAliasDocument>('widget_keys'),
    identitySecrets: db.collection<IdentitySecretDocument>('identity_secrets'),
    catalogChanges: db.collection<ChangeLogDocument>('catalog_changes'),
    originReports: db.collection<OriginReportDocument>('origin_reports'),
    conversations: db.collection<StoredDocument>('conversations'),
    audit: db.collection<AuditDocument>('audit'),
  };
}

interface ConversationIndex
  extends Pick<CreateIndexesOptions, 'name' | 'expireAfterSeconds' | 'partialFilterExpression'> {
  readonly key: Readonly<Record<string, 1 | -1>>;
}

/** The indexes of `conversations`; the queries that use them are in mongo-conversations.ts. */
export const CONVERSATION_INDEXES: readonly ConversationIndex[] = [
  { key: { tenantId: 1, customerId: 1, createdAt: -1, _id: -1 } },
  { key: { tenantId: 1, createdAt: -1, _id: -1 } },
  // Partial: verified conversations may be few among many of guests.
  {
    key: { tenantId: 1, customerVerified: 1, createdAt: -1, _id: -1 },
    partialFilterExpression: { customerVerified: true },
  },
  // Partial too. Anybody can open conversations under a customer's id: those must not slow down the customer's own.
  {
    key: { tenantId: 1, customerId: 1, customerVerified: 1, createdAt: -1, _id: -1 },
    partialFilterExpression: { customerVerified: true },
  },
  // Partial, so that an open does not pay for it: changedSince finds unchanged conversations by createdAt, above.
  { key: { tenantId: 1, updatedAt: 1, _id: 1 }, name: 'changed', partialFilterExpression: CHANGED },
  { key: { purgeAt: 1 }, expireAfterSeconds: 0 },
];

async function createIndexes({
  tenants,
  widgetKeys,
  originReports,
  conversations,
  audit,
}: ReturnType<typeof collections>): Promise<void> {
  await tenants.createIndex({ slug: 1 }, { unique: true });
  await widgetKeys.createIndex({ publicKey: 1 }, { unique: true });
  await widgetKeys.createIndex({ tenantId: 1 });
  await originReports.createIndex({ purgeAt: 1 }, { expireAfterSeconds: 0 });
  for (const { key, ...options } of CONVERSATION_INDEXES) await conversations.createIndex(key, options);
  await audit.createIndex({ tenantId: 1, at: 1 });
}
