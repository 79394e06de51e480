import { v5 as uuidV5 } from 'uuid';
import { parseYamlFile } from '../yaml/yaml-file.js';
import { findConflicts } from './tenant-file-conflicts.js';
import { KNOWN_FIELDS, tenantFileSchema } from './tenant-file-schema.js';
import type { TenantFile } from './tenant-spec.js';

const FLOW_NAMESPACE = '5f1c9a44-3c1e-4c5b-9b61-0c1d8d6f7a2e';

/**
 * The id of a flow without an `id` in the file: a UUIDv5 (RFC 9562 §5.5) of both slugs, so that the flow keeps its id
 * when the file is applied again.
 */
export function flowId(tenantSlug: string, flowSlug: string): string {
  return uuidV5(`${tenantSlug}/${flowSlug}`, FLOW_NAMESPACE);
}

/**
 * Parses and validates a tenant file.
 *
 * @throws {YamlFileError} with all faults, sorted by line.
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
