import type { z } from 'zod';
import type {
  FlowDefinition,
  QuickQuestionDefinition,
  TenantDefinition,
  WidgetKeyDefinition,
} from '../gen/ts-proto/chatsessions/v1/catalog.js';
import { rulesBroken, type ServiceError, type Violation } from '../rpc/errors.js';
import { describeIssue, issuesWithin } from '../yaml/describe-issue.js';
import { formatPath } from '../yaml/yaml-path.js';
import { type Fault, findConflicts, findKeyConflicts } from './definition-conflicts.js';
import * as schema from './definition-schema.js';
import { deriveName } from './key-names.js';
import type { Flow, Tenant, WidgetKey } from './model.js';
import type { FlowSpec, QuickQuestionSpec, TenantSpec, WidgetKeySpec } from './tenant-spec.js';

/**
 * The messages of catalog.proto and what they define: each message is checked by the schema of tenant files, and
 * becomes the same validated type. The functions take the messages of either code generator, because rules are checked
 * before a request reaches its handler.
 */

/** A message of either generator: protobuf-es has bigint where ts-proto has number, and `$typeName`. */
type Either<T> = T extends readonly (infer E)[]
  ? readonly Either<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: Either<T[K]> | undefined }
    : T extends number
      ? number | bigint
      : T;

/** The result of checking a message: what it defines, or the broken rules. */
export type Parsed<T> =
  | { readonly spec: T; readonly faults?: undefined }
  | { readonly spec?: undefined; readonly faults: readonly [Fault, ...Fault[]] };

/** Checks a tenant as a whole. */
export function parseTenant(message: Either<TenantDefinition>): Parsed<TenantSpec> {
  const plain = {
    ...present(message, ['slug', 'name']),
    flows: upTo(schema.MAX_FLOWS, message.flows)?.map(plainFlow),
    quickQuestions: upTo(schema.MAX_QUICK_QUESTIONS, message.quickQuestions)?.map(plainQuestion),
    widgetKeys: upTo(schema.MAX_WIDGET_KEYS, message.widgetKeys)?.map(plainKey),
  };
  return parse(schema.tenant, plain, findConflicts, toTenantSpec);
}

/** Checks one flow by itself. */
export function parseFlow(message: Either<FlowDefinition>): Parsed<FlowSpec> {
  return parse(schema.flow, plainFlow(message), noConflicts, (flow) => flow);
}

/** Checks one widget key by itself. */
export function parseWidgetKey(message: Either<WidgetKeyDefinition>): Parsed<WidgetKeySpec> {
  return parse(schema.widgetKey, plainKey(message), findKeyConflicts, (key) => toKeySpec(key, new Set()));
}

/** Checks the quick questions by themselves: not whether their flows exist. */
export function parseQuickQuestions(
  messages: readonly Either<QuickQuestionDefinition>[],
): Parsed<readonly QuickQuestionSpec[]> {
  return parse(
    schema.quickQuestions,
    (upTo(schema.MAX_QUICK_QUESTIONS, messages) ?? []).map(plainQuestion),
    noConflicts,
    (questions) => questions,
  );
}

/** The broken rules as violations of a request's field, such as `definition`. */
export function violationsOf(field: string, faults: readonly Fault[] = []): Violation[] {
  return faults.map(({ path, rule, message }) => {
    const full = formatPath([field, ...path]);
    return { field: full, rule, message: `${full}: ${message}.` };
  });
}

/** The error of broken rules. */
export function faultsError(field: string, faults: readonly Fault[]): ServiceError {
  return rulesBroken(violationsOf(field, faults));
}

/** What a message defines, for a handler whose rules have checked it. @throws ServiceError invalid_input */
export function requireSpec<T>({ spec, faults }: Parsed<T>, field: string): T {
  if (faults) throw faultsError(field, faults);
  return spec;
}

/** Fills in the names of keys that a tenant file leaves out. */
export function toTenantSpec(parsed: z.output<typeof schema.tenant>): TenantSpec {
  const names = new Set(parsed.widgetKeys.flatMap(({ name }) => name ?? []));
  return { ...parsed, widgetKeys: parsed.widgetKeys.map((key) => toKeySpec(key, names)) };
}

/** A tenant as the definition that makes it; applying it changes nothing. */
export function toDefinition(tenant: Tenant, keys: readonly WidgetKey[]): TenantDefinition {
  const { slug, name, flows, quickQuestions } = tenant;
  const slugs = new Map(flows.map((flow) => [flow.id, flow.slug]));
  return {
    slug,
    name,
    flows: flows.map(toFlowDefinition),
    quickQuestions: quickQuestions.map(({ question, pageType, flowId }) => ({
      question,
      pageType,
      flow: slugs.get(flowId ?? '') ?? '',
    })),
    widgetKeys: keys.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(toKeyDefinition),
  };
}

/** A stored flow as its definition. */
export function toFlowDefinition({ intent, ...flow }: Flow): FlowDefinition {
  return {
    ...flow,
    intent: {
      ...intent,
      examples: [...intent.examples],
      requiredEntities: [...intent.requiredEntities],
      icon: intent.icon,
    },
  };
}

/** A stored widget key as its definition. */
export function toKeyDefinition(key: WidgetKey): WidgetKeyDefinition {
  const { id: _, tenantId: __, rotation: ___, nameSource: ____, revision: _____, ...rest } = key;
  return {
    ...rest,
    allowedOrigins: [...key.allowedOrigins],
    allowedIntents: [...key.allowedIntents],
    endsAt: key.endsAt === undefined ? undefined : timestampOf(key.endsAt),
  };
}

function parse<S extends z.ZodType, T>(
  type: S,
  plain: unknown,
  find: (plain: unknown) => readonly Fault[],
  toSpec: (parsed: z.output<S>) => T,
): Parsed<T> {
  const { data, error } = type.safeParse(plain, { error: describeIssue, reportInput: true });
  const issues = error?.issues.flatMap(issuesWithin) ?? [];
  const [first, ...others] = [...issues.map(faultOf), ...find(plain)];
  if (first) return { faults: [first, ...others] };
  if (data === undefined) throw new Error('a definition without faults and without a value');
  return { spec: toSpec(data) };
}

function faultOf(issue: z.core.$ZodIssue): Fault {
  // The schemas have no symbols as keys.
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  return { path, rule: schema.ruleOf(issue), message: issue.message };
}

function noConflicts(): readonly Fault[] {
  return [];
}

function toKeySpec(key: z.output<typeof schema.widgetKey>, names: Set<string>): WidgetKeySpec {
  if (key.name !== undefined) return { ...key, name: key.name, label: key.label ?? key.name, isNamed: true };
  // One of both is there: definition-conflicts.ts has checked it.
  const label = key.label ?? '';
  const name = deriveName(label, names);
  names.add(name);
  return { ...key, name, label, isNamed: false };
}

/** A flow as plain members, like those of a tenant file. */
function plainFlow({ intent, ...flow }: Either<FlowDefinition>): object {
  const plainIntent = intent && {
    ...present(intent, ['name', 'displayLabel', 'styleVariant']),
    ...pick(intent, ['subtitle', 'description', 'accentColor', 'isPinned', 'priority']),
    examples: upTo(schema.MAX_EXAMPLES, intent.examples),
    requiredEntities: upTo(schema.MAX_ENTITIES, intent.requiredEntities),
    icon: intent.icon && pick(intent.icon, ['kind', 'value']),
  };
  return { ...present(flow, ['slug', 'id']), ...pick(flow, ['published']), intent: plainIntent };
}

function plainQuestion(question: Either<QuickQuestionDefinition>): object {
  return present(question, ['question', 'pageType', 'flow']);
}

function plainKey(key: Either<WidgetKeyDefinition>): object {
  return {
    ...present(key, ['name', 'publicKey', 'label', 'identity', 'originMode']),
    ...pick(key, ['allowMissingOrigin', 'allowsAllIntents', 'enabled']),
    allowedOrigins: upTo(schema.MAX_ORIGINS, key.allowedOrigins),
    allowedIntents: upTo(schema.MAX_ALLOWED_INTENTS, key.allowedIntents),
    identitySecretGeneration: key.identitySecretGeneration || undefined,
    endsAt: key.endsAt && instantOf(key.endsAt),
  };
}

/** A list, cut after the element that is too many: the work is bounded, and the fault is the same. */
function upTo<T>(max: number, list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > max ? list.slice(0, max + 1) : list;
}

function pick<T extends object>(message: T, names: readonly (keyof T)[]): object {
  return Object.fromEntries(names.map((name) => [name, message[name]]));
}

/** The members of these names; an empty text is a field that is not set. */
function present<T extends object>(message: T, names: readonly (keyof T)[]): object {
  return Object.fromEntries(names.map((name) => [name, message[name] || undefined]));
}

/** Converts milliseconds since the epoch to a protobuf timestamp. */
export function timestampOf(ms: number): NonNullable<WidgetKeyDefinition['endsAt']> {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}

/** A protobuf timestamp as text; one that no RFC 3339 time can say is left for the schema to refuse. */
function instantOf({ seconds = 0, nanos = 0 }: Either<NonNullable<WidgetKeyDefinition['endsAt']>>): string {
  const date = new Date(Number(seconds) * 1000 + Math.floor(Number(nanos) / 1_000_000));
  return Number.isNaN(date.getTime()) ? 'not a time' : date.toISOString();
}
