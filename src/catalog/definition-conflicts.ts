import { z } from 'zod';
import { nearest } from '../yaml/nearest.js';

/** A broken rule of a definition, at a path of field names and indexes. */
export interface Fault {
  readonly path: readonly (string | number)[];
  /** The stable id of the rule. */
  readonly rule: string;
  /** What is wrong, to be read after the path: `must not be blank`. */
  readonly message: string;
}

const word = z.string().optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);
/** A missing list counts as empty; the schema reports a value that is not a list. */
const list = z.array(z.unknown()).default([]).or(z.undefined()).catch(undefined);
const flow = z.object({ slug: word, id: word, published: flag, intent: z.object({ name: word }).catch({}) });
const quickQuestion = z.object({ flow: word });
const widgetKey = z.object({
  name: word,
  publicKey: word,
  label: word,
  allowedOrigins: list,
  allowMissingOrigin: flag,
  originMode: word,
  allowsAllIntents: flag,
  allowedIntents: z.array(z.unknown()).optional().catch([]),
  enabled: flag,
});
type LenientKey = Partial<z.infer<typeof widgetKey>>;
const tenant = z.object({
  slug: word,
  flows: z.array(flow.catch({ intent: {} })).catch([]),
  quickQuestions: z.array(quickQuestion.catch({})).catch([]),
  widgetKeys: z.array(widgetKey.catch({ allowedOrigins: undefined })).catch([]),
});
/** Schemas that accept any value and drop what does not fit, so that a definition with other faults is still checked. */
const lenientTenant = tenant.catch({ flows: [], quickQuestions: [], widgetKeys: [] });
const lenientFile = z.object({ tenants: z.array(lenientTenant).catch([]) });

/** Finds conflicts between tenants of a file, and within each of them. */
export function findFileConflicts(file: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  const slugs = uniqueness(faults, 'slug.unique', 'the slug');
  const flowIds = uniqueness(faults, 'flow_id.unique', 'the id');
  const publicKeys = uniqueness(faults, 'public_key.unique', 'the key');
  const { tenants } = lenientFile.catch({ tenants: [] }).parse(file);
  for (const [t, { slug, ...rest }] of tenants.entries()) {
    const at = ['tenants', t];
    slugs(slug, [...at, 'slug']);
    findIn(rest, at, { flowIds, publicKeys, faults, isFile: true });
  }
  return faults;
}

/** Finds conflicts between the places of one definition, such as duplicate slugs and references to missing flows. */
export function findConflicts(definition: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  const flowIds = uniqueness(faults, 'flow_id.unique', 'the id');
  const publicKeys = uniqueness(faults, 'public_key.unique', 'the key');
  findIn(lenientTenant.parse(definition), [], { flowIds, publicKeys, faults, isFile: false });
  return faults;
}

/** Finds conflicts between the fields of one widget key. */
export function findKeyConflicts(key: unknown): readonly Fault[] {
  return keyFaults(widgetKey.catch({ allowedOrigins: undefined }).parse(key), [], false);
}

interface Scope {
  readonly flowIds: CheckUnique;
  readonly publicKeys: CheckUnique;
  readonly faults: Fault[];
  /** Files may leave a key's name out, and must state its policy for intents. */
  readonly isFile: boolean;
}

function findIn(
  { flows, quickQuestions, widgetKeys }: Omit<z.infer<typeof tenant>, 'slug'>,
  at: Fault['path'],
  { flowIds, publicKeys, faults, isFile }: Scope,
): void {
  const flowSlug = uniqueness(faults, 'slug.unique', 'the slug');
  const published = uniqueness(faults, 'intent_name.published_once', 'the intent name', 'published flow');
  for (const [f, { slug, id, intent, published: isPublished }] of flows.entries()) {
    flowSlug(slug, [...at, 'flows', f, 'slug']);
    flowIds(id?.toLowerCase(), [...at, 'flows', f, 'id']);
    if (isPublished) published(intent.name, [...at, 'flows', f, 'intent', 'name']);
  }

  const slugs = new Set(flows.flatMap(({ slug }) => slug ?? []));
  for (const [q, { flow }] of quickQuestions.entries()) {
    if (flow === undefined || flow === '' || slugs.has(flow)) continue;
    const message = `no flow of this tenant has the slug ${JSON.stringify(flow)}${nearest(flow, [...slugs])}`;
    faults.push({ path: [...at, 'quickQuestions', q, 'flow'], rule: 'flow.exists', message });
  }

  const name = uniqueness(faults, 'key_name.unique', 'the name');
  // The label of a key without name and public key identifies it.
  const label = uniqueness(
    faults,
    'label.unique',
    'the label, with no name and no publicKey to tell them apart,',
  );
  for (const [k, key] of widgetKeys.entries()) {
    const here = [...at, 'widgetKeys', k];
    name(key.name, [...here, 'name']);
    if (key.name === undefined && key.publicKey === undefined) label(key.label, [...here, 'label']);
    publicKeys(key.publicKey, [...here, 'publicKey']);
    faults.push(...keyFaults(key, here, isFile));
  }
}

function keyFaults(key: LenientKey, at: Fault['path'], isFile: boolean): Fault[] {
  const faults: Fault[] = [];
  if (key.name === undefined && (!isFile || key.label === undefined)) {
    faults.push({ path: [...at, 'name'], rule: 'required', message: 'is required' });
  }
  const isReporting = key.originMode === 'report';
  const isClosed = key.allowedOrigins?.length === 0 && !key.allowMissingOrigin && !isReporting;
  if (isClosed && key.enabled !== false) {
    const message =
      'no request could use this key: name an origin, set allowMissingOrigin, or enabled: false';
    faults.push({ path: [...at, 'allowedOrigins'], rule: 'allowed_origins.usable', message });
  }
  const hasList = (key.allowedIntents?.length ?? 0) > 0;
  if (key.allowsAllIntents && hasList) {
    const message = 'allowsAllIntents allows every intent: leave one of the two out';
    faults.push({ path: [...at, 'allowedIntents'], rule: 'allowed_intents.one_policy', message });
  } else if (isFile && !key.allowsAllIntents && key.allowedIntents === undefined) {
    const message = 'is required, unless allowsAllIntents is true; an empty list allows none';
    faults.push({ path: [...at, 'allowedIntents'], rule: 'allowed_intents.one_policy', message });
  }
  return faults;
}

type CheckUnique = (value: string | undefined, path: Fault['path']) => void;

/** Creates a check that no value comes twice. */
function uniqueness(faults: Fault[], rule: string, what: string, of = 'one'): CheckUnique {
  const seen = new Set<string>();
  return (value, path) => {
    if (value === undefined) return;
    if (seen.has(value)) {
      faults.push({ path, rule, message: `${JSON.stringify(value)} is ${what} of an earlier ${of} too` });
    }
    seen.add(value);
  };
}
