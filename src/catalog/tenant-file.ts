import { v5 as uuidV5 } from 'uuid';
import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { nearest } from './nearest.js';
import { findConflicts } from './tenant-file-conflicts.js';
import { describeIssue, KNOWN_FIELDS, tenantFileSchema } from './tenant-file-schema.js';
import type { TenantFile } from './tenant-spec.js';
import { formatPath, offsetOf, type Path } from './yaml-path.js';

/** The largest tenant file, in UTF-16 code units: 4 Mi. */
const MAX_LENGTH = 4 * 1024 * 1024;
/** The faults after the tenth are mostly what the first ones led the YAML parser into. */
const MAX_SYNTAX_PROBLEMS = 10;
const MAX_ALIASES = 100;
const FLOW_NAMESPACE = '5f1c9a44-3c1e-4c5b-9b61-0c1d8d6f7a2e';

/** One fault of a tenant file. */
export interface TenantFileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** As in `tenants[0].flows[1].intent.name`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** All faults of a tenant file; the message has a line for each, as `seed.yaml:12:5 path: message`. */
export class TenantFileError extends Error {
  override readonly name = 'TenantFileError';
  readonly problems: readonly TenantFileProblem[];

  constructor(fileName: string, problems: readonly TenantFileProblem[]) {
    const lines = problems.map(({ line, column, path, message }) => {
      return `${fileName}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`;
    });
    super(lines.join('\n'));
    this.problems = problems;
  }
}

/**
 * The id of a flow whose author gave it none: a UUIDv5 (RFC 9562 §5.5) of the two slugs, so that applying a
 * file again finds the same flow.
 */
export function flowId(tenantSlug: string, flowSlug: string): string {
  return uuidV5(`${tenantSlug}/${flowSlug}`, FLOW_NAMESPACE);
}

/**
 * Reads a tenant file (YAML 1.2), whole: it is returned only when nothing is wrong with any part of it.
 *
 * @throws {TenantFileError} with every fault found, in the order of the lines.
 */
export function parseTenantFile(text: string, options: { readonly fileName: string }): TenantFile {
  const { fileName } = options;
  const wholeFile = (message: string): TenantFileError => {
    return new TenantFileError(fileName, [{ line: 1, column: 1, path: '', message }]);
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
  const problem = (offset: number, path: Path, message: string): TenantFileProblem => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, path: formatPath(path), message };
  };

  const syntax = findSyntaxFaults(document).map(({ offset, message }) => problem(offset, [], message));
  if (syntax.length > 0) throw new TenantFileError(fileName, syntax.slice(0, MAX_SYNTAX_PROBLEMS));
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw wholeFile('the file is empty: it must have a list of tenants');
  }

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw wholeFile(error instanceof Error ? error.message : String(error));
  }

  const { data, error } = tenantFileSchema.safeParse(value, { error: describeIssue });
  const problems = findConflicts(value).map(({ path, message }) => {
    return problem(offsetOf(document, path), path, message);
  });
  for (const issue of error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') {
      problems.push(problem(offsetOf(document, issue.path), issue.path, issue.message));
      continue;
    }
    const known = KNOWN_FIELDS[issue.path.filter((step) => typeof step === 'string').join('.')] ?? [];
    for (const key of issue.keys) {
      const path = [...issue.path, key];
      problems.push(problem(offsetOf(document, path, 'key'), path, `unknown field${nearest(key, known)}`));
    }
  }
  if (problems.length > 0 || data === undefined) {
    throw new TenantFileError(
      fileName,
      problems.sort((a, b) => a.line - b.line || a.column - b.column),
    );
  }

  return {
    tenants: data.tenants.map((tenant) => ({
      ...tenant,
      flows: tenant.flows.map((flow) => ({ ...flow, id: flow.id ?? flowId(tenant.slug, flow.slug) })),
    })),
  };
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
