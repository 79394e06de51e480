import { readFileSync } from 'node:fs';
import { repoFile } from '../harness/repo-file.js';

/** What an HTTP transport must answer. Connect answers as the public path does, with its protocol's status. */
export interface ChatExpectation {
  /** The public path's status, or any of several. */
  readonly status?: number | readonly number[];
  /** The code of the error table, or any of several. */
  readonly error?: string | readonly string[];
  /** The field paths named, in any order. */
  readonly violations?: readonly string[];
  /** The whole answer; `$token`, `$uuid` and `$datetime` stand for values of that kind. */
  readonly body?: unknown;
  /** Headers of the answer: a value, or null for one that must not be there. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** What gRPC must answer. */
export interface EngineExpectation {
  readonly code: string;
  readonly reason?: string;
  readonly violations?: readonly string[];
}

/** One request. */
export interface Step {
  /** A request as JSON: goes over every transport. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** The bytes of an HTTP body, as text or base64: the public path and Connect's JSON. */
  readonly rawBody?: string;
  readonly rawBodyBase64?: string;
  /** The bytes of a protobuf message, base64: gRPC and Connect's binary. */
  readonly rawMessageBase64?: string;
  /** Headers, and gRPC metadata. `$idempotencyKey` stands for a new key of this row and transport. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
  readonly contentType?: string;
  /** Packs the body. */
  readonly gzip?: boolean;
  readonly method?: string;
  readonly chat?: ChatExpectation;
  readonly engine?: EngineExpectation;
  /** Whether the session is that of the row's first step (`true`) or must be another (`false`). */
  readonly sameSession?: boolean;
  /** Moves the service's clock forward before this step, in seconds. */
  readonly after?: number;
}

/** A row of a parity table: a request, and perhaps more that follow it. */
export interface Case extends Step {
  readonly name: string;
  readonly then?: readonly Step[];
}

/** A parity table. */
export interface CaseFile {
  readonly about: string;
  /** Configuration of the service that the rows are sent to. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

/** Reads a table of test/cases. */
export function readCases(name: string): CaseFile {
  return JSON.parse(readFileSync(repoFile(`test/cases/${name}.json`), 'utf8'));
}
