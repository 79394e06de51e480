import { readdirSync, readFileSync } from 'node:fs';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { repoFile } from '../harness/repo-file.js';

const test = suite('rules of definitions in the docs');

/** The ids that are made of a field's name: see `ruleOf` in definition-schema.ts. */
const DERIVED = [
  ...['flows', 'widget_keys', 'quick_questions', 'examples', 'required_entities'].map(
    (of) => `${of}.max_items`,
  ),
  ...['allowed_origins.max_items', 'allowed_intents.max_items', 'tenants.min_items'],
  ...[
    'page_type.known',
    'origin_mode.known',
    'identity.known',
    'required',
    'type',
    'unknown_field',
    'icon.kind',
  ],
];

test('the table in docs/catalog.md has every rule, and no other', () => {
  const sources = readdirSync(repoFile('src/catalog'))
    .filter((name) => name !== 'origins.ts')
    .map((name) => readFileSync(repoFile(`src/catalog/${name}`), 'utf8'));
  const written = sources.flatMap((text) =>
    [...text.matchAll(/(?:rule(?:\(|:|\s=)|uniqueness\(\s*faults,)\s*'([a-z_.]+)'/g)].map(
      ([, id = '']) => id,
    ),
  );
  const section = readFileSync(repoFile('docs/catalog.md'), 'utf8').split('## Rules of definitions')[1] ?? '';
  const [table = ''] = section.split('\n## ');
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`([a-z_.]+)`/g)].map(([, id]) => id),
  );
  assert.equal([...new Set(documented)].sort(), [...new Set([...written, ...DERIVED])].sort());
  assert.is(new Set(documented).size, documented.length);
});
