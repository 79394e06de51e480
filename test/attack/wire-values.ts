import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { SeededRandom } from '@chatsessions/test-harness';
import { lengthDelimited, structEntry, valueBytes, varint } from '../harness/protobuf-wire.js';

/** Makes wire bytes, at most `room` of them, to stand behind the required fields of a request. */
export type MakeWire = (room: number, random: SeededRandom) => Buffer;

const tag = (field: number, wireType: number) => varint(field * 8 + wireType);

/** As many pieces as there is room for. */
function filled(room: number, piece: (index: number) => Uint8Array): Buffer {
  const pieces: Uint8Array[] = [];
  let left = room;
  for (let index = 0; ; index++) {
    const next = piece(index);
    left -= next.length;
    if (left < 0) return Buffer.concat(pieces);
    pieces.push(next);
  }
}

const repeated = (piece: Uint8Array) => (room: number) => {
  const bytes = Math.floor(room);
  return Buffer.alloc(bytes - (bytes % piece.length), piece);
};

/** Room for the tags and lengths around. */
const AROUND = 32;
const key = (index: number) => `a${index.toString(36)}`;
const keys = (room: number, value: Uint8Array = valueBytes.true) =>
  filled(room, (index) => structEntry(key(index), value));

function nested(levels: number, wrap: (value: Uint8Array) => Buffer): Buffer {
  let value: Buffer = valueBytes.true;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}
const inList = (value: Uint8Array) => valueBytes.list(value);
const inStruct = (value: Uint8Array) => valueBytes.struct(structEntry('', value));
/** As deep as fits: each level costs as many bytes as its lengths need. */
const nestedWhole = (wrap: (value: Uint8Array) => Buffer, bytesPerLevel: number) => (room: number) =>
  nested(Math.floor(room / bytesPerLevel), wrap);

/** The families of values: what can stand in `variables.a`. */
const values: Readonly<Record<string, MakeWire>> = {
  'depth: lists': nestedWhole(inList, 8),
  'depth: Structs': nestedWhole(inStruct, 14),
  'depth: lists of 18 levels': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, nested(18, inList)))(room)),
  'depth: lists of 95 levels': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, nested(95, inList)))(room)),
  'depth: Structs of 48 levels': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, nested(48, inStruct)))(room)),
  'depth: Structs of 95 levels': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, nested(95, inStruct)))(room)),
  'width: values without a kind': (room) => lengthDelimited(6, repeated(lengthDelimited(1))(room)),
  'width: true': (room) => lengthDelimited(6, repeated(lengthDelimited(1, valueBytes.true))(room)),
  'width: empty Structs': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, valueBytes.struct()))(room)),
  'width: Structs of one key': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, inStruct(valueBytes.true)))(room)),
  'width: keys in a Struct': (room) => lengthDelimited(5, keys(room)),
  'repetition: a Struct of keys, merged': (room) =>
    Buffer.concat([lengthDelimited(5, keys(room / 2)), repeated(lengthDelimited(5))(room / 2 - 8)]),
  'repetition: a list of values, merged': (room) =>
    Buffer.concat([
      lengthDelimited(6, repeated(lengthDelimited(1))(room / 2)),
      repeated(lengthDelimited(6))(room / 2 - 8),
    ]),
  'repetition: kinds in turn': repeated(Buffer.concat([valueBytes.list(), valueBytes.struct()])),
  'repetition: a number': repeated(valueBytes.number(1)),
  'repetition: a text': repeated(valueBytes.text('a')),
  'numbers: any bits': (room, random) => {
    const number = Buffer.from([0x0a, 0x09, 0x11, 0, 0, 0, 0, 0, 0, 0, 0]);
    return lengthDelimited(
      6,
      filled(room, () => {
        for (let at = 3; at < 11; at++) number[at] = random.below(at === 10 ? 127 : 256);
        return Buffer.from(number);
      }),
    );
  },
  'numbers: the smallest': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, valueBytes.number(5e-324)))(room)),
  'numbers: 1.1e-308': (room) =>
    lengthDelimited(6, repeated(lengthDelimited(1, valueBytes.number(1.1e-308)))(room)),
  'text: letters': (room) => valueBytes.text('a'.repeat(room)),
  'text: NUL': (room) => valueBytes.text('\0'.repeat(room)),
  'text: three bytes a character': (room) => valueBytes.text('語'.repeat(room / 3)),
  'text: no UTF-8': (room) => valueBytes.text(Buffer.alloc(room, 0xff)),
  'text: UTF-8 but for the end': (room) =>
    valueBytes.text(Buffer.concat([Buffer.from('é'.repeat(room / 2 - 1)), Buffer.from([0xc3])])),
};

/** The families of a Struct field of this number. */
function structFamilies(field: number): Record<string, MakeWire> {
  const families: Record<string, MakeWire> = {
    'width: keys': (room) => lengthDelimited(field, keys(room - AROUND)),
    'width: keys and values that break rules': (room) =>
      lengthDelimited(
        field,
        filled(room - AROUND, (index) => structEntry(`A${index}`, valueBytes.struct())),
      ),
    'width: keys that are numbers': (room) =>
      lengthDelimited(
        field,
        filled(room - AROUND, (index) => structEntry(String(index * 7919), valueBytes.true)),
      ),
    'width: keys that are too long': (room) =>
      lengthDelimited(
        field,
        filled(room - AROUND, (index) => structEntry(`${index}${'A'.repeat(129)}`, valueBytes.struct())),
      ),
    'width: empty entries': (room) => lengthDelimited(field, repeated(lengthDelimited(1))(room - AROUND)),
    'repetition: a key': (room) =>
      lengthDelimited(field, repeated(structEntry('a', valueBytes.true))(room - AROUND)),
    'repetition: a key and its value': (room) =>
      lengthDelimited(
        field,
        lengthDelimited(1, repeated(Buffer.from([0x0a, 1, 0x61, 0x12, 2, 0x20, 1]))(room - AROUND)),
      ),
    'repetition: the value of an entry, merged': (room) =>
      lengthDelimited(
        field,
        lengthDelimited(
          1,
          lengthDelimited(2, lengthDelimited(5, keys(room / 2))),
          repeated(lengthDelimited(2))(room / 2 - 2 * AROUND),
        ),
      ),
    'repetition: a variable each time': (room) =>
      filled(room, (index) => lengthDelimited(field, structEntry(key(index), valueBytes.true))),
  };
  for (const part of [0.1, 0.5, 0.9]) {
    families[`repetition: the Struct, ${part * 100} % of it keys`] = (room) =>
      Buffer.concat([
        lengthDelimited(field, keys(room * part - AROUND)),
        repeated(lengthDelimited(field))(Math.floor(room * (1 - part)) - AROUND),
      ]);
  }
  for (const [name, make] of Object.entries(values)) {
    families[name] = (room, random) =>
      lengthDelimited(field, structEntry('a', make(room - 2 * AROUND, random)));
  }
  return families;
}

const text = (field: number): Record<string, MakeWire> => ({
  'repetition: a text': repeated(lengthDelimited(field, 'a')),
  'repetition: an empty text': repeated(lengthDelimited(field)),
  'text: letters': (room) => lengthDelimited(field, 'a'.repeat(room - AROUND)),
  'text: three bytes a character': (room) => lengthDelimited(field, '語'.repeat((room - AROUND) / 3)),
});

const message = (field: number): Record<string, MakeWire> => ({
  'repetition: a message': repeated(lengthDelimited(field, Buffer.from([0x08, 1]))),
  'repetition: an empty message': repeated(lengthDelimited(field)),
});

/** The families of a request's fields, each under the field's name. */
function fieldFamilies(field: DescField): Record<string, MakeWire> {
  if (field.fieldKind === 'message') {
    const isStruct = field.message.typeName === 'google.protobuf.Struct';
    return isStruct ? structFamilies(field.number) : message(field.number);
  }
  return text(field.number);
}

/** What any message can hold. */
const unknown: Readonly<Record<string, MakeWire>> = {
  'unknown varints': repeated(Buffer.concat([tag(15, 0), varint(0)])),
  'unknown varints, in tags of 5 bytes': repeated(Buffer.from([0xf8, 0x80, 0x80, 0x80, 0x00, 1])),
  'unknown texts': repeated(lengthDelimited(15)),
  'unknown groups': repeated(Buffer.concat([tag(15, 3), tag(15, 4)])),
  'unknown groups, nested': (room) =>
    Buffer.concat([
      Buffer.alloc(Math.floor(room / 2), tag(15, 3)),
      Buffer.alloc(Math.floor(room / 2), tag(15, 4)),
    ]),
  'unknown groups of 190 levels': repeated(
    Buffer.concat([Buffer.alloc(190, tag(15, 3)), Buffer.alloc(190, tag(15, 4))]),
  ),
  'a varint without end': (room) => Buffer.concat([tag(15, 0), Buffer.alloc(room - 1, 0xff)]),
  'any bytes': (room, random) => Buffer.from(Array.from({ length: room }, () => random.below(256))),
};

/** All families of a request: of a Struct, of a text, of a list, and of what it does not know. */
export function wireFamilies(input: DescMessage): Map<string, MakeWire> {
  const families = new Map(Object.entries(unknown));
  for (const field of input.fields) {
    for (const [name, make] of Object.entries(fieldFamilies(field))) {
      families.set(`${field.fieldKind === 'list' ? 'list, ' : ''}${name}`, make);
    }
  }
  for (const [name, make] of [...families]) families.set(`${name}, with bytes changed`, damaged(make));
  return families;
}

/** A few bytes of it are others. */
function damaged(make: MakeWire): MakeWire {
  return (room, random) => {
    const bytes = Buffer.from(make(room, random));
    for (let change = 0; change < 4; change++) {
      const at = random.below(random.chance(0.5) ? Math.min(40, bytes.length) : bytes.length);
      if (at < bytes.length) bytes[at] = random.below(256);
    }
    return bytes;
  };
}
