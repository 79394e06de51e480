import { createHash } from 'node:crypto';
import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { parseCallersFile } from '../../src/callers/callers-file.js';
import type { CallersFileContext } from '../../src/callers/callers-file-conflicts.js';
import { SCOPES } from '../../src/rpc/call.js';
import { YamlFileError } from '../../src/yaml/yaml-file.js';

const test = suite('callers file');

/** The hash of the nth token. */
const hash = (n: number): string => `sha256:${createHash('sha256').update(`token ${n}`).digest('hex')}`;

const CONTEXT: CallersFileContext = {
  takenNames: ['boss'],
  takenHashes: [hash(99)],
  asksForCertificates: true,
};

function parse(text: string, context: Partial<CallersFileContext> = {}) {
  return parseCallersFile(text, { fileName: 'c.yaml', ...CONTEXT, ...context });
}

function problemsOf(text: string, context: Partial<CallersFileContext> = {}): readonly string[] {
  try {
    parse(text, context);
    return [];
  } catch (error) {
    if (!(error instanceof YamlFileError)) throw error;
    return error.message.split('\n');
  }
}

/** One caller on lines 2 to 5, and these fields from line 6 on. */
const caller = (...more: string[]): string =>
  ['callers:', '  - name: a', `    tokenHashes: [${hash(1)}]`, '    tenants: all', '    scopes: [read]']
    .concat(more.map((line) => `    ${line}`))
    .join('\n');

/** The same with one field said otherwise; an empty line leaves it out. */
const changed = (field: string, line: string): string =>
  caller()
    .split('\n')
    .map((row) => (row.includes(`${field}:`) ? row.replace(/\w+: .*$/, line) : row))
    .filter((row) => row.trim() !== '')
    .join('\n');

const AT_SUBJECT = 'c.yaml:6:25 callers[0].certificateSubject';

const BAD: readonly (readonly [name: string, text: string, problems: readonly (string | RegExp)[]])[] = [
  ['an empty file', '', ['c.yaml:1:1 the file is empty: it must have a list of callers']],
  ['a list at the top', '- name: a', ['c.yaml:1:1 must be a mapping']],
  ['a tab', 'callers:\n\t- name: a', ['c.yaml:2:1 Tabs are not allowed as indentation']],
  ['no callers', '{}', ['c.yaml:1:1 callers: is required']],
  ['an empty list', 'callers: []', ['c.yaml:1:10 callers: must not be empty']],
  ['a caller that is a word', 'callers:\n  - a', ['c.yaml:2:5 callers[0]: must be a mapping']],
  [
    'a caller without anything',
    'callers:\n  - {}',
    [
      'c.yaml:2:5 callers[0]: could not show who it is: it needs tokenHashes or a certificateSubject',
      'c.yaml:2:5 callers[0].name: is required',
      'c.yaml:2:5 callers[0].tenants: is required',
      'c.yaml:2:5 callers[0].scopes: is required',
    ],
  ],
  [
    'a misspelt field',
    caller('tokenHash: x'),
    ['c.yaml:6:5 callers[0].tokenHash: unknown field; did you mean tokenHashes?'],
  ],
  ['an unlikely field', caller('colour: red'), ['c.yaml:6:5 callers[0].colour: unknown field']],
  ['__proto__', caller('__proto__: {}'), ['c.yaml:6:5 callers[0].__proto__: unknown field']],

  [
    'a name with a space',
    changed('name', 'name: flow engine'),
    ['c.yaml:2:11 callers[0].name: must be 1 to 64 characters of A-Z a-z 0-9 . _ -'],
  ],
  ['a name of 65 letters', changed('name', `name: ${'a'.repeat(65)}`), [/name: must be 1 to 64/]],
  ['a name that is a number', changed('name', 'name: 7'), ['c.yaml:2:11 callers[0].name: must be a text']],
  [
    'a name of ENGINE_API_TOKENS',
    changed('name', 'name: boss'),
    ['c.yaml:2:11 callers[0].name: is a name of ENGINE_API_TOKENS too'],
  ],
  [
    'a name twice',
    `${caller()}\n  - {name: a, tokenHashes: ["${hash(2)}"], tenants: all, scopes: [read]}`,
    ['c.yaml:6:12 callers[1].name: is the name of an earlier one too'],
  ],

  [
    'neither hash nor subject',
    changed('tokenHashes', ''),
    ['c.yaml:2:5 callers[0]: could not show who it is: it needs tokenHashes or a certificateSubject'],
  ],
  [
    'no hash in the list',
    changed('tokenHashes', 'tokenHashes: []'),
    ['c.yaml:3:18 callers[0].tokenHashes: must not be empty'],
  ],
  [
    'a hash that is no list',
    changed('tokenHashes', `tokenHashes: ${hash(1)}`),
    ['c.yaml:3:18 callers[0].tokenHashes: must be a list'],
  ],
  [
    'hashes without a value',
    changed('tokenHashes', 'tokenHashes:'),
    ['c.yaml:3:17 callers[0].tokenHashes: has no value: give it one, or leave it out'],
  ],
  [
    'a hash without its prefix',
    changed('tokenHashes', `tokenHashes: [${hash(1).slice(7)}]`),
    [/^c\.yaml:3:19 callers\[0\]\.tokenHashes\[0\]: must be sha256: and 64 lower-case hex/],
  ],
  ['a hash cut off', changed('tokenHashes', `tokenHashes: [${hash(1).slice(0, -1)}]`), [/must be sha256:/]],
  ['a hash in capitals', changed('tokenHashes', `tokenHashes: [sha256:${'A'.repeat(64)}]`), [/lower-case/]],
  [
    'a hash twice in one caller',
    changed('tokenHashes', `tokenHashes: [${hash(1)}, ${hash(1)}]`),
    ['c.yaml:3:92 callers[0].tokenHashes[1]: stands further up in the file too'],
  ],
  [
    'a hash twice in two callers',
    `${caller()}\n  - {name: b, tokenHashes: ["${hash(1)}"], tenants: all, scopes: [read]}`,
    ['c.yaml:6:29 callers[1].tokenHashes[0]: stands further up in the file too'],
  ],
  [
    'the hash of a token of ENGINE_API_TOKENS',
    changed('tokenHashes', `tokenHashes: [${hash(99)}]`),
    ['c.yaml:3:19 callers[0].tokenHashes[0]: is the hash of a token of ENGINE_API_TOKENS too'],
  ],

  ['an empty subject', caller('certificateSubject: {}'), [`${AT_SUBJECT}: must not be empty`]],
  ['a subject that is a text', caller('certificateSubject: CN=a'), [`${AT_SUBJECT}: must be a mapping`]],
  [
    'a subject without a value',
    caller('certificateSubject:'),
    ['c.yaml:6:24 callers[0].certificateSubject: has no value: give it one, or leave it out'],
  ],
  [
    'an attribute in lower case',
    caller('certificateSubject: {cn: a}'),
    ['c.yaml:6:26 callers[0].certificateSubject.cn: unknown field; did you mean CN?'],
  ],
  [
    'an attribute that is a number',
    caller('certificateSubject: {serialNumber: 7}'),
    ['c.yaml:6:40 callers[0].certificateSubject.serialNumber: must be a text, or a list of texts'],
  ],
  [
    'an attribute with a number in its list',
    caller('certificateSubject: {OU: [a, 7]}'),
    ['c.yaml:6:34 callers[0].certificateSubject.OU[1]: must be a text'],
  ],
  [
    'an attribute of no text',
    caller('certificateSubject: {CN: ""}'),
    [/certificateSubject\.CN: must not be empty/],
  ],
  [
    'an attribute of no value',
    caller('certificateSubject: {CN: }'),
    [/certificateSubject\.CN: has no value/],
  ],
  ['an attribute of an empty list', caller('certificateSubject: {CN: []}'), [/certificateSubject\.CN: /]],
  [
    'a subject twice, its attributes in another order and one of them as a list',
    [
      caller('certificateSubject: {CN: a, O: Acme}'),
      '  - {name: b, tenants: all, scopes: [read], certificateSubject: {O: [Acme], CN: a}}',
    ].join('\n'),
    ['c.yaml:7:65 callers[1].certificateSubject: is the subject of an earlier one too'],
  ],

  ['no tenants', changed('tenants', ''), ['c.yaml:2:5 callers[0].tenants: is required']],
  [
    'tenants without a value',
    changed('tenants', 'tenants:'),
    ['c.yaml:4:13 callers[0].tenants: has no value: give it one, or leave it out'],
  ],
  [
    'an empty list of tenants',
    changed('tenants', 'tenants: []'),
    ['c.yaml:4:14 callers[0].tenants: must not be empty'],
  ],
  [
    'a tenant that is no list',
    changed('tenants', 'tenants: acme'),
    ['c.yaml:4:14 callers[0].tenants: must be a list of slugs, or the word all'],
  ],
  [
    'all in a list',
    changed('tenants', 'tenants: [acme, all]'),
    ['c.yaml:4:21 callers[0].tenants[1]: stands alone, for every tenant: write tenants: all'],
  ],
  [
    'a star',
    changed('tenants', 'tenants: ["*"]'),
    [/^c\.yaml:4:15 callers\[0\]\.tenants\[0\]: must be 1 to 63/],
  ],
  [
    'a tenant that is a number',
    changed('tenants', 'tenants: [acme, 7]'),
    ['c.yaml:4:21 callers[0].tenants[1]: must be a text'],
  ],

  ['no scopes', changed('scopes', ''), ['c.yaml:2:5 callers[0].scopes: is required']],
  ['an empty list of scopes', changed('scopes', 'scopes: []'), [/^c\.yaml:5:13 .*scopes: must not be empty/]],
  ['a scope that is no list', changed('scopes', 'scopes: read'), [/^c\.yaml:5:13 .*scopes: must be a list/]],
  [
    'an unknown scope',
    changed('scopes', 'scopes: [read, veryfy]'),
    [
      'c.yaml:5:20 callers[0].scopes[1]: is not one of open, vouch, verify, read, write, erase, catalog; did you mean verify?',
    ],
  ],
  ['a scope like no other', changed('scopes', 'scopes: [xyz]'), [/scopes\[0\]: is not one of [a-z, ]+$/]],
  ['every scope at once', changed('scopes', 'scopes: [all]'), [/scopes\[0\]: is not one of/]],
  ['a scope that is a number', changed('scopes', 'scopes: [7]'), [/scopes\[0\]: must be a text/]],

  [
    'faults of every kind, all at once and in order',
    `callers:
  - name: a b
    tokenHashes: [x]
    tenants: [Acme]
    scopes: [reed]
  - name: boss
    certificateSubject: {CM: a}
    tenants: all
    scope: [read]`,
    [
      /^c\.yaml:2:11 callers\[0\]\.name: must be/,
      /^c\.yaml:3:19 callers\[0\]\.tokenHashes\[0\]: must be/,
      /^c\.yaml:4:15 callers\[0\]\.tenants\[0\]: must be/,
      /^c\.yaml:5:14 callers\[0\]\.scopes\[0\]: is not one of .*did you mean read\?/,
      'c.yaml:6:5 callers[1].scopes: is required',
      'c.yaml:6:11 callers[1].name: is a name of ENGINE_API_TOKENS too',
      /^c\.yaml:7:26 callers\[1\]\.certificateSubject\.CM: unknown field; did you mean C/,
      'c.yaml:9:5 callers[1].scope: unknown field; did you mean scopes?',
    ],
  ],
];
for (const [name, text, expected] of BAD) {
  test(`refuses ${name}`, () => {
    const problems = problemsOf(text);
    assert.is(problems.length, expected.length, problems.join('\n'));
    for (const [i, line] of expected.entries()) {
      if (typeof line === 'string') assert.is(problems[i], line);
      else assert.match(problems[i] ?? '', line);
    }
  });
}

test('a subject is of no use where clients are not asked for certificates', () => {
  assert.equal(problemsOf(caller('certificateSubject: {CN: a}'), { asksForCertificates: false }), [
    `${AT_SUBJECT}: needs GRPC_TLS_CLIENT_CA: without it, clients are not asked for a certificate`,
  ]);
});

test('a token where its hash belongs is not quoted', () => {
  const token = 'cse_5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5ec0de5';
  const problems = problemsOf(changed('tokenHashes', `tokenHashes: [${token}, ${token}]`));
  assert.is(problems.length, 3);
  assert.not.match(problems.join('\n'), '5ec0de');
});

test('reads callers of every kind', () => {
  const text = `
callers:
  - name: flow-engine
    tokenHashes:
      - ${hash(1)}
      - "${hash(2)}"
    certificateSubject: { CN: flow-engine, O: Acme, OU: [Chat, Flows] }
    tenants: [acme, globex, acme]
    scopes: [verify, read, verify]
  - name: eraser_2.0
    certificateSubject: { CN: eraser }
    tenants: all
    scopes: [${SCOPES.join(', ')}]`;
  const digest = (n: number) => Buffer.from(hash(n).slice(7), 'hex');
  assert.equal(parse(text), [
    {
      name: 'flow-engine',
      tokenDigests: [digest(1), digest(2)],
      certificateSubject: { CN: 'flow-engine', O: 'Acme', OU: ['Chat', 'Flows'] },
      tenants: new Set(['acme', 'globex']),
      scopes: new Set(['verify', 'read']),
    },
    {
      name: 'eraser_2.0',
      tokenDigests: [],
      certificateSubject: { CN: 'eraser' },
      tenants: 'all',
      scopes: new Set(SCOPES),
    },
  ]);
});

const word = fc.constantFrom('a', 'all', 'boss', 'read', hash(1), 'CN', '', '__proto__');
const anyField = fc.oneof(word, fc.constant(null), fc.integer(), fc.array(word), fc.dictionary(word, word));
const anyCaller = fc.record(
  {
    name: anyField,
    tokenHashes: anyField,
    certificateSubject: anyField,
    tenants: anyField,
    scopes: anyField,
    more: anyField,
  },
  { requiredKeys: [] },
);

test('whatever the file, the answer is callers or a YamlFileError', () => {
  fc.assert(
    fc.property(fc.oneof(anyField, fc.array(fc.oneof(anyCaller, anyField))), (callers) => {
      for (const problem of problemsOf(stringify({ callers }))) assert.match(problem, /^c\.yaml:\d+:\d+ /);
    }),
    { numRuns: 300 },
  );
});
