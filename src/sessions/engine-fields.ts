import type { MessageShape } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { mapViolations } from '../conversations/variables.js';
import type { OpenSessionRequestSchema } from '../gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import type { Violation } from '../rpc/errors.js';
import type { Surface } from '../rpc/surface.js';
import { MAX_TOKEN_LIFE_SECONDS } from './token.js';

/** The fields of OpenSession that only internal services may set. */
type EngineFields = Pick<
  MessageShape<typeof OpenSessionRequestSchema>,
  'attributes' | 'customerVerified' | 'ttl' | 'customerId' | 'customerToken'
>;

/** The shortest `ttl`, in seconds; that of SESSION_TTL too. */
const MIN_TTL_SECONDS = 60;

/** The violations of the fields that only the engine surface has. On the chat surface each of them is refused. */
export function engineFieldsViolations(fields: EngineFields, surface: Surface): Violation[] {
  const { attributes, customerVerified, ttl } = fields;
  if (surface === 'chat') {
    return [
      ...(attributes === undefined ? [] : [engineOnly('attributes', 'attributes')]),
      ...(customerVerified ? [engineOnly('customerVerified', 'customer_verified')] : []),
      ...(ttl === undefined ? [] : [engineOnly('ttl', 'ttl')]),
    ];
  }
  return [
    ...mapViolations('attributes', attributes),
    ...(customerVerified ? vouchViolations(fields) : []),
    ...(ttl === undefined ? [] : ttlViolations(ttl)),
  ];
}

function engineOnly(field: string, ruleOf: string): Violation {
  return { field, rule: `${ruleOf}.engine_only`, message: `Only internal services may set ${field}.` };
}

/** Whoever vouches must name the customer, and a customer token would be a second word on the same matter. */
function vouchViolations({ customerId, customerToken }: EngineFields): Violation[] {
  const violation = (rule: string, message: string) => ({ field: 'customerVerified', rule, message });
  return [
    ...(customerId === ''
      ? [violation('customer_verified.customer_id', 'customerVerified needs a customerId.')]
      : []),
    ...(customerToken === ''
      ? []
      : [violation('customer_verified.customer_token', 'customerVerified excludes a customerToken.')]),
  ];
}

function ttlViolations({ seconds, nanos }: Duration): Violation[] {
  const violations: Violation[] = [];
  const isTooLong =
    seconds > MAX_TOKEN_LIFE_SECONDS || (seconds === BigInt(MAX_TOKEN_LIFE_SECONDS) && nanos > 0);
  if (seconds < MIN_TTL_SECONDS || isTooLong) {
    const message = `ttl must be ${MIN_TTL_SECONDS} to ${MAX_TOKEN_LIFE_SECONDS} seconds.`;
    violations.push({ field: 'ttl', rule: 'ttl.range', message });
  }
  if (nanos !== 0) {
    violations.push({ field: 'ttl', rule: 'ttl.whole_seconds', message: 'ttl must be in whole seconds.' });
  }
  return violations;
}
