import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { rulesBroken, type Violation } from '../rpc/errors.js';
import type { Surface } from '../rpc/surface.js';

/** The most keys that a conversation's variables may have. */
export const MAX_KEYS = 50;
/** The most bytes of UTF-8 that the variables may take as compact JSON. */
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

/** Whether a variable may have this name. */
export function isVariableKey(key: string): boolean {
  return KEY.test(key);
}

/** A change to variables: first the keys to remove, then the members to set. */
export interface VariablesPatch {
  readonly variables?: JsonObject | undefined;
  readonly removeVariables: readonly string[];
}

/**
 * Merges a change into stored variables, key by key.
 *
 * @throws ServiceError validation_failed | invalid_input (engine) when the result breaks a rule
 */
export function mergeVariables(
  stored: JsonObject,
  { variables = {}, removeVariables }: VariablesPatch,
  surface: Surface,
): JsonObject {
  const removed = new Set(removeVariables);
  const kept = Object.entries(stored).filter(([key]) => !removed.has(key));
  const merged: JsonObject = { ...Object.fromEntries(kept), ...variables };
  const violations = variablesViolations(merged);
  if (violations.length > 0) throw rulesBroken(surface, violations);
  return merged;
}

/** The violations of `variables`: first those of the whole object, then key by key, up to {@link MAX_VIOLATIONS}. */
export function variablesViolations(variables: JsonObject): Violation[] {
  const violations: Violation[] = [];
  const keys = Object.keys(variables);
  if (keys.length > MAX_KEYS) {
    violations.push({
      field: 'variables',
      rule: 'variables.max_keys',
      message: `variables has ${keys.length} keys; at most ${MAX_KEYS} are allowed.`,
    });
  }
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes > MAX_BYTES) {
    violations.push({
      field: 'variables',
      rule: 'variables.max_bytes',
      message: `variables takes ${bytes} bytes as compact JSON; at most ${MAX_BYTES} are allowed.`,
    });
  }
  for (const key of keys) {
    if (violations.length >= MAX_VIOLATIONS) break;
    if (!isVariableKey(key)) {
      violations.push({
        field: variablePath(key),
        rule: 'variables.key',
        message: 'The key must be a lower-case letter followed by at most 63 of a-z, 0-9 and _.',
      });
    }
    const fault = faultOf(variables[key], 0);
    if (fault) violations.push({ field: variablePath(key), ...fault });
  }
  return violations;
}

/** The path of a variable in violations: `variables.cart`, or `variables["Bad Key"]` for a key that is no identifier. */
export function variablePath(key: string): string {
  // A cut through a surrogate pair would leave half a character, which is not valid UTF-8 in the answer.
  const shown =
    key.length > MAX_SHOWN_KEY ? `${key.slice(0, MAX_SHOWN_KEY).replace(/[\uD800-\uDBFF]$/, '')}…` : key;
  return PLAIN_KEY.test(shown) ? `variables.${shown}` : `variables[${JSON.stringify(shown)}]`;
}

type Fault = Omit<Violation, 'field'>;

const OBJECT: Fault = {
  rule: 'variables.no_objects',
  message: 'A value must be a number, a string, a boolean, null, or an array of these; objects are refused.',
};
const DEPTH: Fault = {
  rule: 'variables.max_depth',
  message: `Arrays may be nested at most ${MAX_DEPTH} levels deep.`,
};

/** The first fault of a value that is nested in `depth` arrays. */
function faultOf(value: JsonValue | undefined, depth: number): Fault | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return OBJECT;
  if (depth === MAX_DEPTH) return DEPTH;
  for (const member of value) {
    const fault = faultOf(member, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}
