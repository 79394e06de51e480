import type { Flow, WidgetKey } from './model.js';

/** A validated tenant file, with all defaults filled in. */
export interface TenantFile {
  readonly tenants: readonly TenantSpec[];
}

/** A tenant of a tenant file: its offer and its widget keys. */
export interface TenantSpec {
  /** Unique; matches `SLUG` of rpc/tenant.ts. */
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly Flow[];
  readonly quickQuestions: readonly QuickQuestionSpec[];
  readonly widgetKeys: readonly WidgetKeySpec[];
}

/** The types of page that a quick question can be for. */
export const PAGE_TYPES = ['general', 'category', 'product', 'cart'] as const;

/** A suggested question for a type of page. */
export interface QuickQuestionSpec {
  readonly question: string;
  readonly pageType: (typeof PAGE_TYPES)[number];
  /** The slug of a flow of the same tenant. */
  readonly flow?: string | undefined;
}

/** A widget key of a tenant file. Its `allowedOrigins` are normalised by `parseOriginPattern` and unique. */
export interface WidgetKeySpec
  extends Omit<WidgetKey, 'id' | 'tenantId' | 'publicKey' | 'rotation' | 'revision' | 'endsAt'> {
  /** Matches `^pk_live_[a-f0-9]{32}$`; generated when absent. */
  readonly publicKey?: string | undefined;
  readonly endsAt?: Date | undefined;
}
