import { parseYamlFile } from '../yaml/yaml-file.js';
import type { KnownCaller } from './authenticate.js';
import { type CallersFileContext, findConflicts } from './callers-file-conflicts.js';
import { callersFileSchema, KNOWN_FIELDS } from './callers-file-schema.js';
import { digestOfHash } from './engine-token.js';

/**
 * Parses and validates a callers file.
 *
 * @throws {YamlFileError} with all faults, sorted by line. No value is quoted, because it may be a token that was put
 * in the place of its hash by mistake.
 */
export function parseCallersFile(
  text: string,
  { fileName, ...context }: CallersFileContext & { readonly fileName: string },
): KnownCaller[] {
  const { callers } = parseYamlFile(text, fileName, {
    schema: callersFileSchema,
    knownFields: KNOWN_FIELDS,
    findConflicts: (value) => findConflicts(value, context),
    mustHave: 'a list of callers',
  });
  return callers.map(({ name, tokenHashes = [], certificateSubject, tenants, scopes }) => ({
    name,
    scopes: new Set(scopes),
    tenants: tenants === 'all' ? tenants : new Set(tenants),
    tokenDigests: tokenHashes.map(digestOfHash),
    certificateSubject,
  }));
}
