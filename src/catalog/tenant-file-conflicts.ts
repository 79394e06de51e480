import { z } from 'zod';
import { nearest } from '../yaml/nearest.js';
import type { Conflict } from '../yaml/yaml-file.js';

const word = z.string().optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);
const flow = z.object({ slug: word, id: word, intent: z.object({ name: word }).catch({}) });
const quickQuestion = z.object({ flow: word });
const widgetKey = z.object({
  publicKey: word,
  label: word,
  // A missing list counts as empty; the schema reports a value that is not a list.
  allowedOrigins: z.array(z.unknown()).default([]).or(z.undefined()).catch(undefined),
  allowMissingOrigin: flag,
  enabled: flag,
});
const tenant = z.object({
  slug: word,
  flows: z.array(flow.catch({ intent: {} })).catch([]),
  quickQuestions: z.array(quickQuestion.catch({})).catch([]),
  widgetKeys: z.array(widgetKey.catch({ allowedOrigins: undefined })).catch([]),
});
/** A schema that accepts any value and drops what does not fit, so that a file with other faults is still checked. */
const lenientFile = z.object({
  tenants: z.array(tenant.catch({ flows: [], quickQuestions: [], widgetKeys: [] })).catch([]),
});

/** Finds conflicts between places of a tenant file, such as duplicate slugs and references to missing flows. */
export function findConflicts(file: unknown): readonly Conflict[] {
  const conflicts: Conflict[] = [];
  const add = (path: Conflict['path'], message: string): void => {
    conflicts.push({ path, message });
  };
  const unique = (what: string) => {
    const seen = new Set<string>();
    return (value: string | undefined, path: Conflict['path']): void => {
      if (value === undefined) return;
      if (seen.has(value)) add(path, `${JSON.stringify(value)} is ${what} of an earlier one too`);
      seen.add(value);
    };
  };

  const tenantSlug = unique('the slug');
  const flowId = unique('the id');
  const publicKey = unique('the key');
  for (const [t, { slug, flows, quickQuestions, widgetKeys }] of readLeniently(file).entries()) {
    const at = ['tenants', t] as const;
    tenantSlug(slug, [...at, 'slug']);

    const flowSlug = unique('the slug');
    const intentName = unique('the intent name');
    for (const [f, { slug, id, intent }] of flows.entries()) {
      flowSlug(slug, [...at, 'flows', f, 'slug']);
      flowId(id?.toLowerCase(), [...at, 'flows', f, 'id']);
      intentName(intent.name, [...at, 'flows', f, 'intent', 'name']);
    }

    const slugs = flows.flatMap(({ slug }) => slug ?? []);
    for (const [q, { flow }] of quickQuestions.entries()) {
      if (flow === undefined || slugs.includes(flow)) continue;
      const hint = nearest(flow, slugs);
      const path = [...at, 'quickQuestions', q, 'flow'];
      add(path, `no flow of this tenant has the slug ${JSON.stringify(flow)}${hint}`);
    }

    // The label of a generated key identifies it in the next run.
    const generatedKeyLabel = unique('the label, with no publicKey to tell them apart,');
    for (const [k, key] of widgetKeys.entries()) {
      if (key.publicKey === undefined) generatedKeyLabel(key.label, [...at, 'widgetKeys', k, 'label']);
      publicKey(key.publicKey, [...at, 'widgetKeys', k, 'publicKey']);
      const isClosed = key.allowedOrigins?.length === 0 && !key.allowMissingOrigin;
      if (isClosed && key.enabled !== false) {
        const path = [...at, 'widgetKeys', k, 'allowedOrigins'];
        add(path, 'no request could use this key: name an origin, set allowMissingOrigin, or enabled: false');
      }
    }
  }
  return conflicts;
}

function readLeniently(file: unknown): z.infer<typeof lenientFile>['tenants'] {
  const { data } = lenientFile.safeParse(file);
  return data?.tenants ?? [];
}
