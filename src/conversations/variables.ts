import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { rulesBroken, type Violation } from '../rpc/errors.js';
import type { Surface } from '../rpc/surface.js';

/** The two maps of a conversation: what the browser may say, and what services know. They obey the same rules. */
export type MapName = 'variables' | 'attributes';

/** The most keys that a map may have. */
export const MAX_KEYS = 50;
/** The most bytes of UTF-8 that a map may take as compact JSON. */
const MAX_BYTES = 4096;
/** How deep arrays may be nested: `[[[[1]]]]` is 4. */
const MAX_DEPTH = 4;

/**
 * How many violations are collected: three times as many as fit into an answer (see rulesBroken). A request of 64 KiB
 * can break 16,000 rules, and each violation costs as much as parsing its part of the request.
 */
const MAX_VIOLATIONS = 100;

const KEY = /^[a-z][a-z0-9_]{0,63}$/;
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Longer keys are shortened in error answers, so that a request cannot make its answer large. */
const MAX_SHOWN_KEY = 128;

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
 * @throws ServiceError validation_failed | invalid_input (engine) with all rules that the merged maps break
 */
export function mergeMaps(stored: Maps, patch: MapsPatch, surface: Surface): Maps {
  const { variables, removeVariables, attributes, removeAttributes } = patch;
  const merged = {
    variables: merge(stored.variables, variables, removeVariables),
    attributes: merge(stored.attributes, attributes, removeAttributes),
  };
  const changed = (['variables', 'attributes'] as const).filter((name) => merged[name] !== stored[name]);
  const violations = changed.flatMap((name) => mapViolations(name, merged[name]));
  if (violations.length > 0) throw rulesBroken(surface, violations);
  return merged;
}

function merge(stored: JsonObject, set: JsonObject = {}, keys: readonly string[] = []): JsonObject {
  if (keys.length === 0 && Object.keys(set).length === 0) return stored;
  const removed = new Set(keys);
  const kept = Object.entries(stored).filter(([key]) => !removed.has(key));
  return { ...Object.fromEntries(kept), ...set };
}

/**
 * The violations of a map: first those of the whole object, then key by key, up to {@link MAX_VIOLATIONS}. An absent map
 * has none.
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
    if (violations.length >= MAX_VIOLATIONS) break;
    if (!isVariableKey(key)) {
      violations.push({
        field: keyPath(name, key),
        rule: `${name}.key`,
        message: 'The key must be a lower-case letter followed by at most 63 of a-z, 0-9 and _.',
      });
    }
    const fault = faultOf(map[key], 0);
    if (fault) {
      const { rule, message } = FAULTS[fault];
      violations.push({ field: keyPath(name, key), rule: `${name}.${rule}`, message });
    }
  }
  return violations;
}

/** The path of a key in violations: `variables.cart`, or `variables["Bad Key"]` for a key that is no identifier. */
export function keyPath(name: MapName, key: string): string {
  // A cut through a surrogate pair would leave half a character, which is not valid UTF-8 in the answer.
  const shown =
    key.length > MAX_SHOWN_KEY ? `${key.slice(0, MAX_SHOWN_KEY).replace(/[\uD800-\uDBFF]$/, '')}…` : key;
  return PLAIN_KEY.test(shown) ? `${name}.${shown}` : `${name}[${JSON.stringify(shown)}]`;
}

const FAULTS = {
  object: {
    rule: 'no_objects',
    message:
      'A value must be a number, a string, a boolean, null, or an array of these; objects are refused.',
  },
  depth: { rule: 'max_depth', message: `Arrays may be nested at most ${MAX_DEPTH} levels deep.` },
} as const;

/** The first fault of a value that is nested in `depth` arrays. */
function faultOf(value: JsonValue | undefined, depth: number): keyof typeof FAULTS | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return 'object';
  if (depth === MAX_DEPTH) return 'depth';
  for (const member of value) {
    const fault = faultOf(member, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}
