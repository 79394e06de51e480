import { parseYamlFile } from '../yaml/yaml-file.js';
import { toTenantSpec } from './definition.js';
import { findFileConflicts } from './definition-conflicts.js';
import { KNOWN_FIELDS, tenantFile } from './definition-schema.js';
import type { TenantFile } from './tenant-spec.js';

/**
 * Parses and validates a tenant file.
 *
 * @throws {YamlFileError} with all faults, sorted by line.
 */
export function parseTenantFile(text: string, { fileName }: { readonly fileName: string }): TenantFile {
  const { tenants } = parseYamlFile(text, fileName, {
    schema: tenantFile,
    knownFields: KNOWN_FIELDS,
    findConflicts: findFileConflicts,
    mustHave: 'a list of tenants',
  });
  return { tenants: tenants.map(toTenantSpec) };
}
