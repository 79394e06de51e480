import type { SeededRandom } from '@chatsessions/test-harness';

/** Makes a JSON value of at most `room` ASCII characters, as costly to read as its family can be. */
export type MakeJson = (room: number, random: SeededRandom) => string;

/** `[x,x,x]`, or `{…}`: as many items as there is room for. */
function filled(room: number, item: (index: number) => string, [open, close] = ['[', ']']): string {
  const items: string[] = [];
  let left = room - 2;
  for (let index = 0; ; index++) {
    const next = item(index);
    left -= next.length + 1;
    if (left < 0) return `${open}${items.join(',')}${close}`;
    items.push(next);
  }
}

const listOf =
  (item: string): MakeJson =>
  (room) =>
    filled(room, () => item);
const objectOf =
  (member: (index: number, random: SeededRandom) => string): MakeJson =>
  (room, random) =>
    filled(room, (index) => member(index, random), ['{', '}']);
const textOf =
  (unit: string): MakeJson =>
  (room) =>
    `"${unit.repeat(Math.floor((room - 2) / unit.length))}"`;

/** So many levels of `open`, `close`, around a 1. */
const nested = (levels: number, open: string, close: string) =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;
const nestedWhole =
  (open: string, close: string): MakeJson =>
  (room) =>
    nested(Math.floor((room - 1) / (open.length + close.length)), open, close);

const shortKey = (index: number) => `a${index.toString(36)}`;

/** Anything, in any mix, until there is no more room. */
function tree(room: number, random: SeededRandom, depth = 0): string {
  const kind = depth > 90 || room < 20 ? random.below(4) : random.below(8);
  if (kind === 0) return random.pick(['null', 'true', '0', '-0', '1e308', '5e-324', '""', '[]', '{}']);
  if (kind === 1) return String((random.below(2 ** 30) / 7) * 10 ** (random.below(600) - 300));
  if (kind === 2) return JSON.stringify(random.pick(['a', '\\', '"', '\0', ':', '\ud800']).repeat(2));
  if (kind === 3) return `"${'x'.repeat(random.below(Math.max(1, Math.min(room - 2, 200))))}"`;
  let left = room - 2;
  const isList = random.chance(0.5);
  return filled(
    room,
    (index) => {
      const inner = tree(Math.floor(left * (random.chance(0.5) ? 0.9 : 0.05)), random, depth + 1);
      const item = isList ? inner : `"${shortKey(index)}":${inner}`;
      left -= item.length + 1;
      return item;
    },
    isList ? ['[', ']'] : ['{', '}'],
  );
}

/** The families, by what they have much of. */
export const jsonValues: Readonly<Record<string, MakeJson>> = {
  'depth: lists': nestedWhole('[', ']'),
  'depth: objects': nestedWhole('{"a":', '}'),
  'depth: lists in objects': nestedWhole('[{"a":', '}]'),
  'depth: lists that do not end': (room) => '['.repeat(room),
  'depth: an end too many': (room) => `${'[]'.repeat(room / 2 - 1)}]`,
  'depth: lists of 18 levels': listOf(nested(18, '[', ']')),
  'depth: lists of 24 levels': listOf(nested(24, '[', ']')),
  'depth: lists of 96 levels': listOf(nested(96, '[', ']')),
  'depth: objects of 18 levels': listOf(nested(18, '{"":', '}')),
  'depth: objects of 96 levels': listOf(nested(96, '{"":', '}')),
  'depth: keys with lists of 96 levels': objectOf((index) => `"${shortKey(index)}":${nested(96, '[', ']')}`),
  'width: keys': objectOf((index) => `"${shortKey(index)}":1`),
  'width: keys of one character or two': objectOf(
    (index) => `"${String.fromCharCode(0x23 + (index % 57), 0x23 + Math.floor(index / 57))}":{}`,
  ),
  'width: keys and values that break rules': objectOf((index) => `"A${index}":{}`),
  'width: keys that are numbers': objectOf((index) => `"${index * 7919}":1`),
  'width: keys that are large numbers': objectOf((index) => `"${4294960000 + index}":1`),
  'width: keys with escapes': objectOf((index) => `"\\u00e9${index}":1`),
  'width: keys that are too long': objectOf((index) => `"${index}${'A'.repeat(129)}":{}`),
  'width: one key': (room) => `{"${'a'.repeat(room - 6)}":1}`,
  'width: keys and a lone surrogate': (room) =>
    `{"a":"\\ud800",${filled(room - 15, (index) => `"${shortKey(index)}":1`, ['', '}'])}`,
  'width: keys and a number too large': (room) =>
    `${filled(room - 12, (index) => `"${shortKey(index)}":1`, ['{', ''])},"x":1e400}`,
  'width: empty objects': listOf('{}'),
  'width: objects of one member': listOf('{"a":0}'),
  'width: empty lists': listOf('[]'),
  'width: empty texts': listOf('""'),
  'width: null': listOf('null'),
  'repetition: a key': objectOf(() => '"a":1'),
  'repetition: a key, escaped': objectOf((index) => (index % 2 ? '"a":1' : '"\\u0061":1')),
  'repetition: a key with objects': objectOf(() => '"a":{"a":1,"b":2}'),
  'numbers: one digit': listOf('1'),
  'numbers: -0': listOf('-0'),
  'numbers: the smallest': listOf('5e-324'),
  'numbers: halfway between two': listOf('2.2250738585072011e-308'),
  'numbers: too large': listOf('1e400'),
  'numbers: 17 digits': (room, random) =>
    filled(room, () => String((random.below(2 ** 31) / 3) * 10 ** (random.below(600) - 300))),
  'numbers: no double': listOf('9007199254740993'),
  'numbers: no double, as short as can be': listOf('1e-400'),
  'numbers: no double, each under its key': objectOf((index) => `"${shortKey(index)}":1e-400`),
  'numbers: no double, each under a bad key': objectOf((index) => `"A${index.toString(36)}":1e-400`),
  'numbers: of 600 digits': listOf(`0.${'1'.repeat(600)}`),
  'numbers: of 600 zeros': listOf(`1${'0'.repeat(600)}1e-700`),
  'numbers: a long exponent': (room) => `[1e-${'0'.repeat(room - 6)}1]`,
  'numbers: one of 64,000 digits': (room) => `[${'9'.repeat(room - 2)}]`,
  'numbers: one of 64,000 digits, below 1': (room) => `[0.${'0'.repeat(room - 6)}17]`,
  'text: letters': textOf('a'),
  'text: backslashes': textOf('\\\\'),
  'text: escaped quotes': textOf('\\"'),
  'text: backslashes and quotes': textOf(`${'\\\\'.repeat(40)}\\"`),
  'text: NUL': textOf('\\u0000'),
  'text: surrogate pairs': textOf('\\ud83d\\ude00'),
  'text: lone surrogates': textOf('\\ud800'),
  'text: colons and brackets': textOf(':[{'),
  'text: that does not end': (room) => `"${'a\\"'.repeat(Math.floor(room / 3) - 1)}`,
  'texts with lone surrogates': listOf('"\\ud800"'),
  'texts with escapes': listOf('"\\n"'),
  'white space': (room) => `[${' '.repeat(room - 2)}]`,
  'a mix': (room, random) => tree(room, random),
  'a mix in an object': (room, random) => `{"a":${tree(room - 6, random)}}`,
};
