import type { Flow, WidgetKey } from './model.js';

/** What a tenant file says, checked and with every default filled in. */
export interface TenantFile {
  readonly tenants: readonly TenantSpec[];
}

/** A tenant: a shop, with all that its widgets offer. */
export interface TenantSpec {
  /** See slug.ts; unique. */
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly Flow[];
  readonly quickQuestions: readonly QuickQuestionSpec[];
  readonly widgetKeys: readonly WidgetKeySpec[];
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

/** A widget key and what it allows. `allowedOrigins` are in the normal form of `parseOriginPattern`, each once. */
export interface WidgetKeySpec extends Omit<WidgetKey, 'id' | 'tenantId' | 'publicKey' | 'endsAt'> {
  /** `^pk_live_[a-f0-9]{32}$`; to be made when absent. */
  readonly publicKey?: string | undefined;
  readonly endsAt?: Date | undefined;
}
