import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { rulesBroken, type Violation } from '../rpc/errors.js';
import { memberPath } from '../rpc/field-path.js';

/** The two maps of a conversation: what the browser may say, and what services know. They obey the same rules. */
export type MapName = 'variables' | 'attributes';

/** The most keys that a map may have. */
export const MAX_KEYS = 50;
/** The most bytes of UTF-8 that a map may take as compact JSON. */
const MAX_BYTES = 4096;
/** How deep arrays may be nested: `[[[[1]]]]` is 4. */
const MAX_DEPTH = 4;

const KEY = /^[a-z][a-z0-9_]{0,63}$/;

/** Whether a variable or an attribute may have this name. */
export function isVariableKey(key: string): boolean {
  return KEY.test(key);
}

/** A change to one or both maps: first the keys to remove, then the members to set. */
export interface MapsPatch {
  readonly variables?: JsonObject | undefined;
  readonly removeVariables?: readonly string[] | undefined;
  readonly attributes?: JsonObject | undefined;
  readonly removeAttributes?: readonly string[] | undefined;
}

/** The maps of a stored conversation. */
export type Maps = Readonly<Record<MapName, JsonObject>>;

/**
 * Merges a change into the maps of a conversation, key by key. A map that the change does not name stays the same object.
 *
 * @throws ServiceError validation_failed with all rules that the merged maps break
 */
export function mergeMaps(stored: Maps, patch: MapsPatch): Maps {
  const { variables, removeVariables, attributes, removeAttributes } = patch;
  const merged = {
    variables: merge(stored.variables, variables, removeVariables),
    attributes: merge(stored.attributes, attributes, removeAttributes),
  };
  const changed = (['variables', 'attributes'] as const).filter((name) => merged[name] !== stored[name]);
  const violations = changed.flatMap((name) => mapViolations(name, merged[name]));
  if (violations.length > 0) throw rulesBroken(violations);
  return merged;
}

function merge(stored: JsonObject, set: JsonObject = {}, keys: readonly string[] = []): JsonObject {
  if (keys.length === 0 && Object.keys(set).length === 0) return stored;
  const removed = new Set(keys);
  const kept = Object.entries(stored).filter(([key]) => !removed.has(key));
  return { ...Object.fromEntries(kept), ...set };
}

/**
 * The violations of a map: first those of the whole object, then key by key. An absent map has none.
 *
 * @param name names the map in paths and in rule ids
 */
export function mapViolations(name: MapName, map: JsonObject | undefined): Violation[] {
  if (map === undefined) return [];
  const violations: Violation[] = [];
  const keys = Object.keys(map);
  if (keys.length > MAX_KEYS) {
    violations.push({
      field: name,
      rule: `${name}.max_keys`,
      message: `${name} has ${keys.length} keys; at most ${MAX_KEYS} are allowed.`,
    });
  }
  const bytes = Buffer.byteLength(JSON.stringify(map));
  if (bytes > MAX_BYTES) {
    violations.push({
      field: name,
      rule: `${name}.max_bytes`,
      message: `${name} takes ${bytes} bytes as compact JSON; at most ${MAX_BYTES} are allowed.`,
    });
  }
  for (const key of keys) {
    if (!isVariableKey(key)) {
      violations.push({
        field: keyPath(name, key),
        rule: `${name}.key`,
        message: 'The key must be a lower-case letter followed by at most 63 of a-z, 0-9 and _.',
      });
    }
    for (const fault of faultsOf(map[key])) {
      const { rule, message } = FAULTS[fault];
      violations.push({ field: keyPath(name, key), rule: `${name}.${rule}`, message });
    }
  }
  return violations;
}

/** The path of a key in violations. */
export function keyPath(name: MapName, key: string): string {
  return memberPath(name, key);
}

const FAULTS = {
  object: {
    rule: 'no_objects',
    message:
      'A value must be a number, a string, a boolean, null, or an array of these; objects are refused.',
  },
  depth: { rule: 'max_depth', message: `Arrays may be nested at most ${MAX_DEPTH} levels deep.` },
} as const;
type FaultName = keyof typeof FAULTS;

/** The faults of a value, each once. */
function faultsOf(value: JsonValue | undefined): Iterable<FaultName> {
  if (typeof value !== 'object' || value === null) return [];
  const faults = new Set<FaultName>();
  collectFaults(value, 0, faults);
  return faults;
}

/** Adds the faults of a value that is nested in `depth` arrays. */
function collectFaults(value: JsonValue, depth: number, faults: Set<FaultName>): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) faults.add('object');
  else if (depth === MAX_DEPTH) faults.add('depth');
  else for (const member of value) collectFaults(member, depth + 1, faults);
}
