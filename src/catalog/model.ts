/** The catalogue: what tenants offer, and through which widget keys. Times are ms since the epoch. */

/** A small picture on a button. */
export interface Icon {
  readonly kind: string;
  readonly value: string;
}

/** What a published flow registers: something that a visitor may start. */
export interface FlowIntent {
  /** Unique within the tenant. */
  readonly name: string;
  readonly displayLabel: string;
  readonly subtitle?: string | undefined;
  readonly description?: string | undefined;
  readonly examples: readonly string[];
  readonly requiredEntities: readonly string[];
  readonly icon?: Icon | undefined;
  readonly accentColor?: string | undefined;
  readonly styleVariant: string;
  readonly isPinned: boolean;
  readonly priority: number;
}

/** A conversation flow of a tenant; a draft until it is published. */
export interface Flow {
  /** UUID. */
  readonly id: string;
  /** Stable within the tenant. */
  readonly slug: string;
  readonly published: boolean;
  readonly intent: FlowIntent;
}

/** A prompt on a page type, perhaps assigned to a flow. */
export interface QuickQuestion {
  readonly question: string;
  readonly pageType: string;
  /** The assigned flow's id. */
  readonly flowId?: string | undefined;
}

/** A tenant, with all that it offers: one document, changed whole. */
export interface Tenant {
  /** UUID. */
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly Flow[];
  readonly quickQuestions: readonly QuickQuestion[];
  /** What its widget keys said when the revision was made: tells when a key was written and the revision was not. */
  readonly keysDigest: string;
  /** Counts the changes of the tenant and of its widget keys. */
  readonly revision: number;
}

/** Whether the widgets of a key may, or must, show who their customer is: see `customerToken` of an open. */
export const IDENTITY_MODES = ['off', 'optional', 'required'] as const;

/** One of {@link IDENTITY_MODES}. */
export type IdentityMode = (typeof IDENTITY_MODES)[number];

/** A publishable key, and what the widgets that carry it may do. */
export interface WidgetKey {
  /** UUID. */
  readonly id: string;
  readonly tenantId: string;
  /** `pk_live_` and 32 hex digits: public, not a secret. */
  readonly publicKey: string;
  readonly label: string;
  /** Patterns: see origins.ts. */
  readonly allowedOrigins: readonly string[];
  readonly allowMissingOrigin: boolean;
  readonly allowsAllIntents: boolean;
  /** Names of intents; they need not exist (yet). */
  readonly allowedIntents: readonly string[];
  readonly enabled: boolean;
  readonly endsAt?: number | undefined;
  readonly identity: IdentityMode;
  /** From 1. Raised, it asks for a new identity secret. */
  readonly identitySecretGeneration: number;
}

/** The secret that customer tokens for a widget key are signed with, sealed: see identity-secrets.ts. */
export interface IdentitySecret {
  /** The widget key's id. */
  readonly keyId: string;
  readonly generation: number;
  /** The encryption key that it is sealed with. */
  readonly kid: string;
  readonly sealed: Uint8Array;
}

/** Where the catalogue lives. All methods throw ServiceError unavailable | internal. */
export interface CatalogStore {
  findKey(publicKey: string): Promise<WidgetKey | undefined>;
  findKeyById(id: string): Promise<WidgetKey | undefined>;
  findTenant(id: string): Promise<Tenant | undefined>;
  findTenantBySlug(slug: string): Promise<Tenant | undefined>;
  /** The current revision of each tenant that exists. */
  revisions(tenantIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  keysOf(tenantId: string): Promise<readonly WidgetKey[]>;
  /** @returns false when its slug is taken. */
  insertTenant(tenant: Tenant): Promise<boolean>;
  /** Replaces the tenant that still has `expectedRevision`. @returns false when it has another one by now. */
  replaceTenant(tenant: Tenant, expectedRevision: number): Promise<boolean>;
  /** @returns false when its id or its public key is taken. */
  insertKey(key: WidgetKey): Promise<boolean>;
  /** Replaces the key that has its id. */
  replaceKey(key: WidgetKey): Promise<void>;
  findIdentitySecret(keyId: string): Promise<IdentitySecret | undefined>;
  /** @returns false when its key has one. */
  insertIdentitySecret(secret: IdentitySecret): Promise<boolean>;
  /** Replaces the secret that still has `expectedGeneration`. @returns false when it has another one by now. */
  replaceIdentitySecret(secret: IdentitySecret, expectedGeneration: number): Promise<boolean>;
}
