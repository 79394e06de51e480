import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { rulesBroken, type Violation } from '../rpc/errors.js';
import { memberPath } from '../rpc/field-path.js';

/** The most keys that a conversation's variables may have. */
export const MAX_KEYS = 50;
/** The most bytes of UTF-8 that the variables may take as compact JSON. */
const MAX_BYTES = 4096;
/** How deep arrays may be nested: `[[[[1]]]]` is 4. */
const MAX_DEPTH = 4;

const KEY = /^[a-z][a-z0-9_]{0,63}$/;

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
 * @throws ServiceError validation_failed when the result breaks a rule
 */
export function mergeVariables(
  stored: JsonObject,
  { variables = {}, removeVariables }: VariablesPatch,
): JsonObject {
  const removed = new Set(removeVariables);
  const kept = Object.entries(stored).filter(([key]) => !removed.has(key));
  const merged: JsonObject = { ...Object.fromEntries(kept), ...variables };
  const violations = variablesViolations(merged);
  if (violations.length > 0) throw rulesBroken(violations);
  return merged;
}

/** The violations of `variables`: first those of the whole object, then key by key. */
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
    if (!isVariableKey(key)) {
      violations.push({
        field: variablePath(key),
        rule: 'variables.key',
        message: 'The key must be a lower-case letter followed by at most 63 of a-z, 0-9 and _.',
      });
    }
    for (const fault of faultsOf(variables[key])) violations.push({ field: variablePath(key), ...fault });
  }
  return violations;
}

/** The path of a variable in violations. */
export function variablePath(key: string): string {
  return memberPath('variables', key);
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

/** The faults of a value, each once. */
function faultsOf(value: JsonValue | undefined): Iterable<Fault> {
  if (typeof value !== 'object' || value === null) return [];
  const faults = new Set<Fault>();
  collectFaults(value, 0, faults);
  return faults;
}

/** Adds the faults of a value that is nested in `depth` arrays. */
function collectFaults(value: JsonValue, depth: number, faults: Set<Fault>): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) faults.add(OBJECT);
  else if (depth === MAX_DEPTH) faults.add(DEPTH);
  else for (const member of value) collectFaults(member, depth + 1, faults);
}
