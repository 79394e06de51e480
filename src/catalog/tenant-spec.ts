/** What a tenant file says, checked and with every default filled in. */
export interface TenantFile {
  readonly tenants: readonly TenantSpec[];
}

/** A tenant: a shop, with all that its widgets offer. */
export interface TenantSpec {
  /** `^[a-z0-9][a-z0-9-]{0,62}$`, unique. */
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly FlowSpec[];
  readonly quickQuestions: readonly QuickQuestionSpec[];
  readonly widgetKeys: readonly WidgetKeySpec[];
}

/** A flow; while it is published it registers its intent. */
export interface FlowSpec {
  /** Unique within the tenant. */
  readonly slug: string;
  /** A UUID, the file's or else made from the slugs. */
  readonly id: string;
  readonly published: boolean;
  readonly intent: IntentSpec;
}

/** What a visitor may start. */
export interface IntentSpec {
  /** `^[a-z][a-z0-9_]{0,63}$`, unique within the tenant. */
  readonly name: string;
  readonly displayLabel: string;
  readonly subtitle?: string | undefined;
  readonly description?: string | undefined;
  readonly examples: readonly string[];
  readonly requiredEntities: readonly string[];
  readonly icon?: { readonly kind: string; readonly value: string } | undefined;
  /** `#rgb` or `#rrggbb`. */
  readonly accentColor?: string | undefined;
  readonly styleVariant: string;
  readonly isPinned: boolean;
  /** An int32. */
  readonly priority: number;
}

/** The pages that a quick question can be meant for. */
export const PAGE_TYPES = ['general', 'category', 'product', 'cart'] as const;

/** A prompt on a page. */
export interface QuickQuestionSpec {
  readonly question: string;
  readonly pageType: (typeof PAGE_TYPES)[number];
  /** The slug of a flow of the same tenant. */
  readonly flow?: string | undefined;
}

/** A widget key and what it allows. */
export interface WidgetKeySpec {
  /** `^pk_live_[a-f0-9]{32}$`; to be made when absent. */
  readonly publicKey?: string | undefined;
  readonly label: string;
  /** In the normal form of `parseOriginPattern`, each once. */
  readonly allowedOrigins: readonly string[];
  readonly allowMissingOrigin: boolean;
  readonly allowsAllIntents: boolean;
  /** Names of intents, which need not exist. */
  readonly allowedIntents: readonly string[];
  readonly enabled: boolean;
  readonly endsAt?: Date | undefined;
}
