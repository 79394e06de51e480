import { v5 as uuidV5 } from 'uuid';
import { parseYamlFile } from '../yaml/yaml-file.js';
import { findConflicts } from './tenant-file-conflicts.js';
import { KNOWN_FIELDS, tenantFileSchema } from './tenant-file-schema.js';
import type { TenantFile } from './tenant-spec.js';

const FLOW_NAMESPACE = '5f1c9a44-3c1e-4c5b-9b61-0c1d8d6f7a2e';

/**
 * The id of a flow whose author gave it none: a UUIDv5 (RFC 9562 §5.5) of the two slugs, so that applying a
 * file again finds the same flow.
 */
export function flowId(tenantSlug: string, flowSlug: string): string {
  return uuidV5(`${tenantSlug}/${flowSlug}`, FLOW_NAMESPACE);
}

/**
 * Reads a tenant file, whole.
 *
 * @throws {YamlFileError} with every fault found, in the order of the lines.
 */
export function parseTenantFile(text: string, { fileName }: { readonly fileName: string }): TenantFile {
  const { tenants } = parseYamlFile(text, fileName, {
    schema: tenantFileSchema,
    knownFields: KNOWN_FIELDS,
    findConflicts,
    mustHave: 'a list of tenants',
  });
  return {
    tenants: tenants.map((tenant) => ({
      ...tenant,
      flows: tenant.flows.map((flow) => ({ ...flow, id: flow.id ?? flowId(tenant.slug, flow.slug) })),
    })),
  };
}
