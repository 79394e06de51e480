/** The types of the catalogue: tenants with their flows, and widget keys. Times are in ms since the epoch. */

/** The icon of a button. */
export interface Icon {
  readonly kind: string;
  readonly value: string;
}

/** The intent of a flow: what a visitor can start once the flow is published. */
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

/** A conversation flow of a tenant. It is a draft until it is published. */
export interface Flow {
  /** UUID. */
  readonly id: string;
  /** Stable within the tenant. */
  readonly slug: string;
  readonly published: boolean;
  readonly intent: FlowIntent;
}

/** A suggested question for a type of page, with an optional flow that answers it. */
export interface QuickQuestion {
  readonly question: string;
  readonly pageType: string;
  /** The id of the flow. */
  readonly flowId?: string | undefined;
}

/** A tenant with its whole offer. It is stored as one document and replaced as a whole. */
export interface Tenant {
  /** UUID. */
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly Flow[];
  readonly quickQuestions: readonly QuickQuestion[];
  /** Grows with every change of the tenant and of its widget keys; 0 while the tenant is being created. */
  readonly revision: number;
  /** The digests of the definitions that were applied; see definition-digest.ts. */
  readonly applied?: AppliedDigests | undefined;
  /**
   * Set while widget keys are written, which takes several documents: until when the writer has the tenant for itself,
   * in ms since the epoch. After that time the writer is taken for dead. See change-tenant.ts.
   */
  readonly claimedUntil?: number | undefined;
  /** Since when the tenant is being deleted, in ms since the epoch: its widget keys do not work. */
  readonly deletingSince?: number | undefined;
}

/** The digests of two definitions of a tenant. */
export interface AppliedDigests {
  /** Of the definition that was applied last, in whichever way. */
  readonly last: string;
  /** Of the definition that the service last read from its tenant file. */
  readonly file?: string | undefined;
}

/** A tenant in a list. */
export interface TenantSummary extends Pick<Tenant, 'slug' | 'name' | 'revision'> {
  readonly flowCount: number;
  readonly publishedFlowCount: number;
}

/** Whether an open with this widget key may, or must, have a `customerToken` that proves who the customer is. */
export const IDENTITY_MODES = ['off', 'optional', 'required'] as const;

/** One of {@link IDENTITY_MODES}. */
export type IdentityMode = (typeof IDENTITY_MODES)[number];

/** What happens to an origin that no pattern of a widget key allows: it is refused, or let through and counted. */
export const ORIGIN_MODES = ['enforce', 'report'] as const;

/** One of {@link ORIGIN_MODES}. */
export type OriginMode = (typeof ORIGIN_MODES)[number];

/**
 * Where the name of a widget key is from that no definition has named: derived from its label and stored, or derived
 * when it was read because its document has none. A definition may still give such a key another name.
 */
export type NameSource = 'derived' | 'unstored';

/** A publishable widget key with its permissions. */
export interface WidgetKey {
  /** UUID. */
  readonly id: string;
  readonly tenantId: string;
  /** `pk_live_` and 32 hex digits: public, not a secret. Of a rotated key this is the current one. */
  readonly publicKey: string;
  /** Absent until the public key is rotated. */
  readonly rotation?: Rotation | undefined;
  /** Unique within the tenant, and stable. */
  readonly name: string;
  /** Where the name is from; absent when a definition gave it. */
  readonly nameSource?: NameSource | undefined;
  /** What visitors see as the widget's label. */
  readonly label: string;
  /** Origin patterns: see origins.ts. */
  readonly allowedOrigins: readonly string[];
  readonly allowMissingOrigin: boolean;
  readonly originMode: OriginMode;
  readonly allowsAllIntents: boolean;
  /** The names of intents, which need not exist yet. */
  readonly allowedIntents: readonly string[];
  readonly enabled: boolean;
  readonly endsAt?: number | undefined;
  readonly identity: IdentityMode;
  /** Starts at 1. A higher value asks for a new identity secret. */
  readonly identitySecretGeneration: number;
  /** Counts its replacements, from 1. */
  readonly revision: number;
}

/** The public keys that a widget key had before: see public-keys.ts. */
export interface Rotation {
  /** The public key that it was created with. The stores find the key by it, and by aliases of the later ones. */
  readonly firstPublicKey: string;
  /** The public keys of before that work until a time, the latest last. */
  readonly retired: readonly RetiredPublicKey[];
}

/** A public key that was replaced. */
export interface RetiredPublicKey {
  readonly publicKey: string;
  readonly until: number;
}

/** One of the later public keys of a rotated widget key. It only points to the key, which says whether it works. */
export interface PublicKeyAlias {
  /** UUID. */
  readonly id: string;
  readonly publicKey: string;
  readonly keyId: string;
  readonly tenantId: string;
}

/** The sealed secret with which a site signs the customer tokens of a widget key: see identity-secrets.ts. */
export interface IdentitySecret {
  /** The widget key's id. */
  readonly keyId: string;
  readonly generation: number;
  /** The id of the encryption key. */
  readonly kid: string;
  readonly sealed: Uint8Array;
}

/** The store of the catalogue. All methods throw ServiceError unavailable | internal. */
export interface CatalogStore {
  /** The key that has, or had, this public key. Whether it works is for `worksUntil` to say. */
  findKey(publicKey: string): Promise<WidgetKey | undefined>;
  findKeyById(id: string): Promise<WidgetKey | undefined>;
  findTenant(id: string): Promise<Tenant | undefined>;
  findTenantBySlug(slug: string): Promise<Tenant | undefined>;
  /** The current revision of each tenant that exists. */
  revisions(tenantIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  keysOf(tenantId: string): Promise<readonly WidgetKey[]>;
  /** The tenants whose slugs come after a text, by slug in code units. */
  listTenants(after: string, limit: number): Promise<readonly TenantSummary[]>;
  /** @returns false when its id or its slug is taken. */
  insertTenant(tenant: Tenant): Promise<boolean>;
  /** Compare-and-set on the revision. @returns false when the stored revision is not `expectedRevision`. */
  replaceTenant(tenant: Tenant, expectedRevision: number): Promise<boolean>;
  deleteTenant(id: string): Promise<void>;
  /** @returns false when its id or its public key is taken. */
  insertKey(key: WidgetKey): Promise<boolean>;
  /** Compare-and-set on the revision. @returns false when the stored revision is not `expectedRevision`. */
  replaceKey(key: WidgetKey, expectedRevision: number): Promise<boolean>;
  /** @returns false when its public key is taken. */
  insertAlias(alias: PublicKeyAlias): Promise<boolean>;
  /** Deletes the aliases of a widget key: those of some public keys, or all. */
  deleteAliases(
    key: Pick<WidgetKey, 'id' | 'tenantId'>,
    publicKeys: readonly string[] | 'all',
  ): Promise<void>;
  deleteKey(id: string): Promise<void>;
  findIdentitySecret(keyId: string): Promise<IdentitySecret | undefined>;
  /** @returns false when the widget key already has a secret. */
  insertIdentitySecret(secret: IdentitySecret): Promise<boolean>;
  /** Compare-and-set on the generation. @returns false when the stored generation is not `expectedGeneration`. */
  replaceIdentitySecret(secret: IdentitySecret, expectedGeneration: number): Promise<boolean>;
  deleteIdentitySecret(keyId: string): Promise<void>;
}
