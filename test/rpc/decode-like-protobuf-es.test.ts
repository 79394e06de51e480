import { fromBinary, fromJsonString, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { OpenSessionRequestSchema } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { anyRequest, assertSame, messageOf, readBytes, readText, refusal } from './decode-open-session.js';

const test = suite('decode like protobuf-es');

/** How deep a request may be nested: `{}` is 1. */
const MAX_DEPTH = 99;

/** Requests as bytes, with some parts repeated and some bytes changed. */
const anyBytes = fc
  .record({
    request: anyRequest,
    parts: fc.array(fc.tuple(fc.nat(), fc.nat(40)), { maxLength: 3 }),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
  })
  .map(({ request, parts, changes }) => {
    let bytes: Buffer = Buffer.from(toBinary(OpenSessionRequestSchema, messageOf(request)));
    for (const [at, length] of parts) {
      const start = at % bytes.length;
      const part = bytes.subarray(start, start + length);
      bytes = Buffer.concat([bytes.subarray(0, start), part, part, bytes.subarray(start + length)]);
    }
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes;
  });

test('bytes that are accepted are read as protobuf-es reads them', () => {
  let read = 0;
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      if (refusal(() => readBytes(bytes)) !== undefined) return;
      read++;
      const theirs = fromBinary(OpenSessionRequestSchema, bytes, {
        readUnknownFields: false,
        recursionLimit: 198,
      });
      assertSame(readBytes(bytes), theirs, bytes.toString('hex'));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(read > 100, `only ${read} could be read`);
});

/** A text, an object, or something else in JSON. */
const anyJson = {
  text: fc.string({ maxLength: 5 }).map((sent) => JSON.stringify(sent)),
  object: fc
    .dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
    .map((sent) => JSON.stringify(sent)),
  other: fc.oneof(
    fc.constantFrom('null', '1', 'true', '[]', '"\\ud800"', '{"a":1e400}', '{"a":{"\\ud800":1}}', '-0'),
    fc.constantFrom(19, 20, 21, 98, 99, 150).map((depth) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`),
  ),
};

/** Members of a request and others, most with values of their type, some given twice, in both spellings. */
const anyBody = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom('publicKey', 'customerId', 'locale'), anyJson.text) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('variables'), fc.oneof(anyJson.object, anyJson.other)) },
      fc.tuple(
        fc.constantFrom('public_key', 'other', '__proto__', 'locale'),
        fc.oneof(...Object.values(anyJson)),
      ),
    ),
    { maxLength: 3 },
  )
  .map((members) => `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`);

test('JSON is read, or refused, as protobuf-es does it', () => {
  const strictly = (body: string) => {
    const message = fromJsonString(OpenSessionRequestSchema, body, { ignoreUnknownFields: true });
    if (depthOf(JSON.parse(body)) > MAX_DEPTH) return undefined;
    return message.publicKey === '' || hasNoJson(message.variables) ? undefined : message;
  };
  const depthOf = (value: JsonValue): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  /** What protobuf-es accepts and the service refuses: values that JSON cannot hold. */
  const hasNoJson = (value: JsonValue | undefined): boolean => {
    if (typeof value === 'number') return !Number.isFinite(value);
    if (typeof value === 'string') return !value.isWellFormed();
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([name, member]) => !name.isWellFormed() || hasNoJson(member));
  };
  const orUndefined = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  let read = 0;
  fc.assert(
    fc.property(anyBody, (body) => {
      const wanted = orUndefined(() => strictly(body));
      assertSame(
        orUndefined(() => readText(body)),
        wanted,
        body,
      );
      if (wanted) read++;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(read > 100, `only ${read} could be read`);
});
