import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { Violation } from '../errors.js';
import { memberPath } from '../field-path.js';
import type { JsonPath } from './json-paths.js';
import { fieldOf } from './read-other-json.js';

/**
 * The numbers of decoded requests that a double does not hold. They break a rule, so they are answered together with
 * the other broken rules, but only the decoder sees their text.
 */
const violationsOf = new WeakMap<Message, readonly Violation[]>();

/** Notes where a request has numbers that a double does not hold. Unknown members are ignored. */
export function noteInexactNumbers(desc: DescMessage, message: Message, paths: readonly JsonPath[]): void {
  const violations = paths.flatMap(([member, name]) => {
    const field = member === undefined ? undefined : fieldOf(desc, member);
    if (field === undefined) return [];
    return {
      field: name === undefined ? field.jsonName : memberPath(field.jsonName, name),
      rule: `${field.name}.number_precision`,
      message: 'A number here cannot be held exactly by a double; send it as text.',
    };
  });
  if (violations.length > 0) violationsOf.set(message, violations);
}

/** The violations of numbers in a request that a double does not hold: one for each member that has any. */
export function numberViolations(message: Message): readonly Violation[] {
  return violationsOf.get(message) ?? [];
}
