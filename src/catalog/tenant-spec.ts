import type { Flow, WidgetKey } from './model.js';

/** A validated tenant file, with all defaults filled in. */
export interface TenantFile {
  readonly tenants: readonly TenantSpec[];
}

/** A validated tenant definition: an entry of a tenant file, or a `TenantDefinition` message. */
export interface TenantSpec {
  /** Unique; matches `SLUG` of rpc/tenant.ts. */
  readonly slug: string;
  readonly name: string;
  readonly flows: readonly FlowSpec[];
  readonly quickQuestions: readonly QuickQuestionSpec[];
  readonly widgetKeys: readonly WidgetKeySpec[];
}

/** A flow of a definition. Without an `id` it keeps the one that it has, or gets that of {@link flowId}. */
export interface FlowSpec extends Omit<Flow, 'id'> {
  readonly id?: string | undefined;
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

/** A widget key of a definition. Its `allowedOrigins` are normalised by `parseOriginPattern` and unique. */
export interface WidgetKeySpec
  extends Omit<
    WidgetKey,
    'id' | 'tenantId' | 'publicKey' | 'rotation' | 'endsAt' | 'revision' | 'nameSource'
  > {
  /** Whether the definition gives the name; else it is derived from the label. */
  readonly isNamed: boolean;
  /** Matches `^pk_live_[a-f0-9]{32}$`; generated when absent. */
  readonly publicKey?: string | undefined;
  readonly endsAt?: Date | undefined;
}
