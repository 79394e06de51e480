import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { describeIssue, issuesWithin } from './describe-issue.js';
import { nearest } from './nearest.js';
import { formatPath, offsetOf, type Path } from './yaml-path.js';

/** The maximum length of a file, in UTF-16 code units: 4 Mi. */
const MAX_LENGTH = 4 * 1024 * 1024;
/** Syntax faults after the tenth are mostly consequences of the first ones. */
const MAX_SYNTAX_PROBLEMS = 10;
const MAX_ALIASES = 100;

/** One fault of a file, with its position. */
export interface YamlFileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** The path, such as `tenants[0].flows[1].intent.name`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** An error with all faults of a file. Its message has one line for each: `seed.yaml:12:5 path: message`. */
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

/** A fault that is found by comparing several places of a file. */
export interface Conflict {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The format of a kind of file. */
export interface YamlFormat<T> {
  readonly schema: z.ZodType<T>;
  /** The field names of each mapping, by its path without indexes; a misspelt field gets the nearest one as a hint. */
  readonly knownFields: Readonly<Record<string, readonly string[]>>;
  /** Finds conflicts between places of the file. It must accept any value, since it also runs when the schema fails. */
  readonly findConflicts: (value: unknown) => readonly Conflict[];
  /** What an empty file lacks, such as `a list of tenants`. */
  readonly mustHave: string;
}

/**
 * Parses and validates a YAML 1.2 file that is written by hand.
 *
 * @throws {YamlFileError} with all faults, sorted by line; after a syntax fault only with the syntax faults.
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
    // Tags of YAML 1.1 accept nonsense: `!!timestamp 2027-99-99` is a day in 2035.
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
