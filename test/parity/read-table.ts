import { readFileSync } from 'node:fs';
import {
  type CollectionTag,
  isScalar,
  LineCounter,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { offsetOf } from '../../src/yaml/yaml-path.js';
import { repoFile } from '../harness/repo-file.js';
import type { CaseFile } from './case.js';
import { tableSchema } from './case-schema.js';

/** Reads a table of test/cases by its name. @throws Error with the line of each mistake */
export function readTable(name: string): CaseFile {
  const file = `test/cases/${name}.yaml`;
  return parseTable(readFileSync(repoFile(file), 'utf8'), file);
}

/** Parses a table. @throws Error with the line of each mistake, as in `test/cases/end-session.yaml:12:5 …` */
export function parseTable(text: string, file: string): CaseFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    customTags: [repeat, join],
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map(
    ({ pos, message }) => `${at(pos[0])} ${message}`,
  );
  visit(document, {
    Alias: (_, alias) => {
      if (!alias.resolve(document))
        faults.push(`${at(alias.range?.[0] ?? 0)} nothing is shared as ${alias.source}`);
    },
  });
  if (faults.length > 0) throw new Error(faults.join('\n'));
  // A table has more aliases than the library lets pass from a stranger.
  const { data, error } = tableSchema.safeParse(document.toJS({ maxAliasCount: -1 }));
  if (data) return data;
  const mistakes = error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return `${at(offsetOf(document, issue.path))} ${issue.message}`;
    return issue.keys.map(
      (key) => `${at(offsetOf(document, [...issue.path, key], 'key'))} unknown field ${key}`,
    );
  });
  throw new Error(mistakes.join('\n'));
}

/** `!repeat [x, 2000]`: a text, so many times. */
const repeat: CollectionTag = {
  tag: '!repeat',
  collection: 'seq',
  resolve(items, onError) {
    const [text, count] = scalars(items);
    if (typeof text === 'string' && typeof count === 'number') return new Scalar(text.repeat(count));
    onError('!repeat takes a text and how often it is repeated');
    return items;
  },
};

/** `!join [a, !repeat [x, 2000]]`: texts, put together. */
const join: CollectionTag = {
  tag: '!join',
  collection: 'seq',
  resolve(items, onError) {
    const texts = scalars(items);
    if (texts.every((text) => typeof text === 'string')) return new Scalar(texts.join(''));
    onError('!join takes texts');
    return items;
  },
};

function scalars({ items }: YAMLMap | YAMLSeq): unknown[] {
  return items.map((item) => (isScalar(item) ? item.value : item));
}
