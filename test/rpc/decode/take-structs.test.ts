import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { ListValueSchema, TypeSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import {
  ListConversationsRequestSchema,
  OpenSessionRequestSchema,
} from '../../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import { ErrorInfoSchema } from '../../../src/gen/protobuf-es/google/rpc/error_details_pb.js';
import { takeStructs } from '../../../src/rpc/decode/take-structs.js';
import { lengthDelimited, structEntry, valueBytes } from '../../harness/protobuf-wire.js';

const test = suite('take Structs');

const take = (desc: DescMessage, ...parts: readonly Uint8Array[]) =>
  takeStructs(desc, new Uint8Array(Buffer.concat(parts)), 99);

const seconds = Buffer.from([0x08, 0x01]);
const nanos = Buffer.from([0x10, 0x01]);
/** google.protobuf.Type: an option is a message that holds one, `value`. */
const option = (...values: readonly Uint8Array[]) => lengthDelimited(4, lengthDelimited(1, 'x'), ...values);
const any = lengthDelimited(2, lengthDelimited(1, 'type.googleapis.com/x'));
const sourceContext = lengthDelimited(5, lengthDelimited(1, 'x'));

const REFUSED: readonly (readonly [
  name: string,
  desc: DescMessage,
  parts: readonly Uint8Array[],
  message: RegExp,
])[] = [
  [
    'a message twice',
    ListConversationsRequestSchema,
    [lengthDelimited(3, seconds), lengthDelimited(3, seconds)],
    /^openedFrom is given twice\.$/,
  ],
  [
    'a message in two halves',
    ListConversationsRequestSchema,
    [lengthDelimited(4, seconds), lengthDelimited(3, seconds), lengthDelimited(4, nanos)],
    /^openedBefore is given twice\.$/,
  ],
  ['a message twice, which another holds', TypeSchema, [option(any, any)], /^options is given twice\.$/],
  [
    'a message twice, behind others',
    TypeSchema,
    [sourceContext, option(any), option(any), sourceContext],
    /^sourceContext /,
  ],
  [
    'a oneof twice: two of its texts',
    ValueSchema,
    [valueBytes.text('a'), valueBytes.text('b')],
    /^stringValue /,
  ],
  ['a oneof twice: a text and a flag', ValueSchema, [valueBytes.text('a'), valueBytes.true], /^boolValue /],
  ['a Struct twice, of a oneof', ValueSchema, [valueBytes.struct(), valueBytes.struct()], /^structValue /],
  [
    'a message that goes beyond its own',
    TypeSchema,
    [lengthDelimited(4, Buffer.from([0x12, 0x02])), any],
    /beyond/,
  ],
  [
    'a message of another wire type',
    TypeSchema,
    [Buffer.from([0x20, 0x01])],
    /^options does not have the type/,
  ],
];
for (const [name, desc, parts, message] of REFUSED) {
  test(`refuses ${name}`, () => assert.throws(() => take(desc, ...parts), message));
}

test('lets in scalars given twice, of which the last counts, and lists', () => {
  const parts = [
    lengthDelimited(1, 'a'),
    lengthDelimited(1, 'b'),
    option(any),
    option(any),
    Buffer.from([0x30, 0x01, 0x30, 0x00]),
  ];
  const { structs, rest } = take(TypeSchema, ...parts);
  assert.equal(structs, []);
  const { name, options } = fromBinary(TypeSchema, rest);
  assert.is(name, 'b');
  assert.is(options.length, 2);
});

test('takes a Struct out, and leaves the other bytes as they are', () => {
  const before = lengthDelimited(1, 'a');
  const behind = lengthDelimited(5, 'b');
  const { structs, rest } = take(
    OpenSessionRequestSchema,
    before,
    lengthDelimited(4, structEntry('a', valueBytes.number(-0))),
    behind,
  );
  assert.equal(
    structs.map(([field, value]) => [field.jsonName, value]),
    [['variables', { a: -0 }]],
  );
  assert.equal(Buffer.from(rest), Buffer.concat([before, behind]));
});

test('ends its recursion where it is told, whatever nests', () => {
  const lists = (levels: number) => {
    let value: Buffer = valueBytes.true;
    for (let level = 0; level < levels; level++) value = valueBytes.list(value);
    return value;
  };
  const inValues = (levels: number) => {
    let value: Buffer = Buffer.alloc(0);
    for (let level = 0; level < levels; level++) value = lengthDelimited(1, lengthDelimited(6, value));
    return value;
  };
  const struct = (levels: number) => lengthDelimited(4, structEntry('a', lists(levels)));
  assert.throws(() => take(OpenSessionRequestSchema, struct(98)), 'nested too deep');
  assert.throws(() => take(OpenSessionRequestSchema, struct(4_000)), 'nested too deep');
  take(OpenSessionRequestSchema, struct(97));
  assert.throws(() => take(ListValueSchema, inValues(50)), 'nested too deep');
  take(ListValueSchema, inValues(49));
});

test('refuses message types whose fields it cannot tell the bytes of', () => {
  assert.throws(() => take(ErrorInfoSchema), /metadata is of a kind that requests cannot have yet/);
});
