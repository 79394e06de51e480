import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { describeIssue, issuesWithin } from './describe-issue.js';
import { nearest } from './nearest.js';
import { formatPath, offsetOf, type Path } from './yaml-path.js';

/** The largest file, in UTF-16 code units: 4 Mi. */
const MAX_LENGTH = 4 * 1024 * 1024;
/** The faults after the tenth are mostly what the first ones led the YAML parser into. */
const MAX_SYNTAX_PROBLEMS = 10;
const MAX_ALIASES = 100;

/** One fault of a file. */
export interface YamlFileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** As in `tenants[0].flows[1].intent.name`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** All faults of a file; the message has a line for each, as `seed.yaml:12:5 path: message`. */
export class YamlFileError extends Error {
  override readonly name = 'YamlFileError';
  readonly problems: readonly YamlFileProblem[];

  constructor(fileName: string, problems: readonly YamlFileProblem[]) {
    const lines = problems.map(({ line, column, path, message }) => {
      return `${fileName}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`;
    });
    super(lines.join('\n'));
    this.problems = problems;
  }
}

/** What is wrong in one place of a file. */
export interface Conflict {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a file must be. */
export interface YamlFormat<T> {
  readonly schema: z.ZodType<T>;
  /** The names that each mapping knows, by its path without the indexes. */
  readonly knownFields: Readonly<Record<string, readonly string[]>>;
  /** Finds what breaks the rules that tie one place to another, in a file that may have other faults too. */
  readonly findConflicts: (value: unknown) => readonly Conflict[];
  /** Such as `a list of tenants`. */
  readonly mustHave: string;
}

/**
 * Reads a file that people write (YAML 1.2), whole: it is returned only when nothing is wrong with any part of it.
 *
 * @throws {YamlFileError} with every fault found, in the order of the lines.
 */
export function parseYamlFile<T>(text: string, fileName: string, format: YamlFormat<T>): T {
  const wholeFile = (message: string): YamlFileError => {
    return new YamlFileError(fileName, [{ line: 1, column: 1, path: '', message }]);
  };
  if (text.length > MAX_LENGTH) throw wholeFile('the file is larger than 4 MiB');

  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // Tags of YAML 1.1 bring surprises: `!!timestamp 2027-99-99` is a day in 2035.
    resolveKnownTags: false,
  });
  const problem = (offset: number, path: Path, message: string): YamlFileProblem => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, path: formatPath(path), message };
  };

  const syntax = findSyntaxFaults(document).map(({ offset, message }) => problem(offset, [], message));
  if (syntax.length > 0) throw new YamlFileError(fileName, syntax.slice(0, MAX_SYNTAX_PROBLEMS));
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw wholeFile(`the file is empty: it must have ${format.mustHave}`);
  }

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw wholeFile(error instanceof Error ? error.message : String(error));
  }

  const { data, error } = format.schema.safeParse(value, { error: describeIssue });
  const problems = format.findConflicts(value).map(({ path, message }) => {
    return problem(offsetOf(document, path), path, message);
  });
  for (const issue of error?.issues.flatMap(issuesWithin) ?? []) {
    if (issue.code !== 'unrecognized_keys') {
      problems.push(problem(offsetOf(document, issue.path), issue.path, issue.message));
      continue;
    }
    const known = format.knownFields[issue.path.filter((step) => typeof step === 'string').join('.')] ?? [];
    for (const key of issue.keys) {
      const path = [...issue.path, key];
      problems.push(problem(offsetOf(document, path, 'key'), path, `unknown field${nearest(key, known)}`));
    }
  }
  if (problems.length > 0 || data === undefined) {
    throw new YamlFileError(
      fileName,
      problems.sort((a, b) => a.line - b.line || a.column - b.column),
    );
  }
  return data;
}

function findSyntaxFaults(document: Document.Parsed): { offset: number; message: string }[] {
  const faults = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    offset: pos[0],
    message: code === 'MULTIPLE_DOCS' ? 'the file has a second YAML document: it may only have one' : message,
  }));
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      faults.push({
        offset: alias.range?.[0] ?? 0,
        message: `no anchor &${alias.source} stands before this alias`,
      });
    },
  });
  return faults;
}
