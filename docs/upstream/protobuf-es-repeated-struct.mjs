// @bufbuild/protobuf: fromBinary takes quadratic time when a google.protobuf.Struct field is given again and again.
//
//   npm install @bufbuild/protobuf && node protobuf-es-repeated-struct.mjs [largest size in bytes]
//
// A singular message field may occur several times on the wire; a parser merges the occurrences. A field of the type
// google.protobuf.Struct is kept as a JsonObject, and the reader of such a field (compileMessageFieldReader) converts
// the whole object to a Struct message and back at each occurrence, even if that is empty and takes two bytes. So N keys
// and M occurrences cost N × M. Of each message below one half is keys, and the other half empty occurrences.
//
// Expected: time in proportion to the bytes, as with a singular field of any other message type.
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

// syntax = "proto3"; import "google/protobuf/struct.proto"; message Example { google.protobuf.Struct struct = 1; }
const file = create(FileDescriptorProtoSchema, {
  name: 'example.proto',
  syntax: 'proto3',
  dependency: ['google/protobuf/struct.proto'],
  messageType: [
    {
      name: 'Example',
      field: [
        {
          name: 'struct',
          jsonName: 'struct',
          number: 1,
          label: Label.OPTIONAL,
          type: Type.MESSAGE,
          typeName: '.google.protobuf.Struct',
        },
      ],
    },
  ],
});
const registry = createFileRegistry(file, () => file_google_protobuf_struct);
const ExampleSchema = registry.getMessage('Example');

/** A field of wire type 2. */
function lengthDelimited(number, content) {
  const length = [];
  for (let left = content.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), content]);
}

const struct = (content) => lengthDelimited(1, content);

/** An entry of Struct.fields: a key, and a Value without a kind. */
const entry = (key) => lengthDelimited(1, lengthDelimited(1, Buffer.from(key)));

/** An Example: its Struct with as many keys as fit into half of the bytes, and then again and again, empty. */
function example(bytes) {
  const keys = [];
  for (let left = bytes / 2; left > 0; left -= keys.at(-1).length) keys.push(entry(`k${keys.length}`));
  return Buffer.concat([struct(Buffer.concat(keys)), Buffer.alloc(bytes / 2, struct(Buffer.alloc(0)))]);
}

const largest = Number(process.argv[2] ?? 65_536);
console.log('bytes        ms');
for (let bytes = 1_024; bytes <= largest; bytes *= 2) {
  const encoded = example(bytes);
  const start = performance.now();
  fromBinary(ExampleSchema, encoded);
  console.log(`${String(encoded.length).padEnd(8)} ${(performance.now() - start).toFixed(0).padStart(6)}`);
}
