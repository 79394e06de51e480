import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { openSession } from '../../../src/api/open-session.js';
import { OpenSessionRequestSchema } from '../../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { readBinary, readJson } from '../../../src/rpc/decode/decode.js';
import { ServiceError } from '../../../src/rpc/errors.js';
import { lengthDelimited, structEntry } from '../../harness/protobuf-wire.js';

/** The public key of the requests. */
export const KEY = 'pk_live_00000000000000000000000000000001';

/** OpenSession without anything that its handler needs: the tests of decoding never call it. */
export const rpc = openSession(Object.create(null));

/** Decodes a request from JSON. */
export const readText = (text: string | Uint8Array) => readJson(OpenSessionRequestSchema, Buffer.from(text));
/** Decodes a request from protobuf. */
export const readBytes = (bytes: Uint8Array) => readBinary(OpenSessionRequestSchema, bytes);

/** A request in JSON with these variables. */
export const withVariables = (json: string) => `{"publicKey":"${KEY}","variables":${json}}`;

/** The field `public_key` as bytes. */
export const publicKeyBytes = lengthDelimited(1, KEY);
/** A request as bytes: the public key and then these fields. */
export const withKey = (...fields: readonly Uint8Array[]) => Buffer.concat([publicKeyBytes, ...fields]);
/** The field `variables` as bytes: a google.protobuf.Struct of these entries. */
export const structBytes = (...entries: readonly Uint8Array[]) => lengthDelimited(4, ...entries);
/** `variables` with one entry, whose google.protobuf.Value is these bytes. */
export const variableBytes = (key: string | Uint8Array, value: Uint8Array) =>
  structBytes(structEntry(key, value));

/** Why a request is refused: the sentence, and the fault's rule and field where it has one. */
export interface Refused {
  readonly message: string;
  readonly fault: string | undefined;
}

/** The refusal of a malformed request; undefined when it is accepted. */
export function refused(read: () => unknown): Refused | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    assert.is(error.code, 'invalid_input');
    const { violations = [] } = error.details;
    assert.ok(violations.length <= 1, 'the first fault alone');
    const [fault] = violations.map(({ rule, field }) => `${rule} ${field}`);
    return { message: error.message, fault };
  }
}

/** The message of the refusal; undefined when the request is accepted. */
export function refusal(read: () => unknown): string | undefined {
  return refused(read)?.message;
}

/** Any text, those that encoders trip over among them. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constant('\0'),
);

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0, Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER + 2, 2 ** 63),
  fc.integer(),
  anyText,
  fc.boolean(),
  fc.constant(null),
);
const list = (items: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> => fc.array(items, { maxLength: 3 });
const deep = list(fc.oneof(scalar, list(fc.oneof(scalar, list(fc.oneof(scalar, list(scalar)))))));
const variableKey = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,63}$/),
  fc.constantFrom('constructor', 'prototype', 'valueof', 'length', 'then', 'tojson', 'name', 'fields'),
);
const variables: fc.Arbitrary<JsonObject> = fc.dictionary(variableKey, fc.oneof(scalar, deep), {
  maxKeys: 8,
});

/** Any request, as its fields. */
export const anyRequest = fc.record({
  publicKey: fc.string({ minLength: 1, unit: 'grapheme' }),
  customerId: anyText,
  customerToken: anyText,
  locale: fc.constantFrom('', 'en-GB', 'zh-Hant-TW'),
  variables: fc.option(variables, { nil: undefined }),
  attributes: fc.option(variables, { nil: undefined }),
  continueLatest: fc.boolean(),
  customerVerified: fc.boolean(),
  ttl: fc.option(fc.record({ seconds: fc.nat(86_400), nanos: fc.nat(999_999_999) }), { nil: undefined }),
});

/** The fields of a request. */
type AnyRequest = typeof anyRequest extends fc.Arbitrary<infer T> ? T : never;

/** The message with these fields. */
export function messageOf({ variables: sent, attributes, ttl, ...fields }: AnyRequest) {
  return create(OpenSessionRequestSchema, {
    ...fields,
    ...(sent && { variables: sent }),
    ...(attributes && { attributes }),
    ...(ttl && { ttl: { ...ttl, seconds: BigInt(ttl.seconds) } }),
  });
}

/**
 * Asserts that two values are exactly equal: -0 is not 0, and an absent member is not an undefined one. The order of
 * members does not matter.
 */
export function assertSame(a: unknown, b: unknown, path: string): void {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
    assert.ok(Object.is(a, b), `${path}: ${String(a)} / ${String(b)}`);
    return;
  }
  assert.is(Array.isArray(a), Array.isArray(b), path);
  assert.equal(Object.keys(a).sort(), Object.keys(b).sort(), path);
  for (const key of Object.keys(a)) assertSame(Reflect.get(a, key), Reflect.get(b, key), `${path}.${key}`);
}
