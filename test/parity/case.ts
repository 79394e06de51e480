import type { ErrorCode } from '../../src/rpc/errors.js';

/** The types of the parity tables; test/cases/README.md describes their format. */

/** What is expected of an answer, whatever its transport. */
interface Expectation {
  /** The JSON paths of the fields named, in any order. */
  readonly violations?: readonly string[];
  /** The ids of the rules named, in any order. */
  readonly rules?: readonly string[];
  /** Members of `details` (Connect, gRPC: of ErrorInfo's metadata). A `cause` that is not named must not be there. */
  readonly details?: Readonly<Record<string, string>>;
  /** The whole answer as the public path has it; of an RPC without one, all members but unset optional ones. */
  readonly body?: unknown;
  /** Members of the answer by their paths (`conversations.0.origin`), each whole; null for what is unset. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Headers of the answer on HTTP: a value, or null for one that must not be there. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** What every transport must answer. */
export interface CommonExpectation extends Expectation {
  /** A code of the error table; `validation_failed` is `invalid_input` on gRPC. Success when left out. */
  readonly error?: ErrorCode;
}

/** What an HTTP transport must answer. Connect answers as the public path does, with its protocol's status. */
export interface ChatExpectation extends Expectation {
  /** The public path's status, or any of several. */
  readonly status?: number | readonly number[];
  /** The code of the error table, or any of several. */
  readonly error?: string | readonly string[];
}

/** What gRPC must answer. */
export interface EngineExpectation extends Omit<Expectation, 'headers'> {
  readonly code: string;
  /** The code of the error table: the metadata `code` of ErrorInfo, whose `reason` is the same in UPPER_SNAKE. */
  readonly reason?: string;
}

/** The name of a transport that carries every RPC. */
export type TransportName = 'public path' | 'Connect JSON' | 'Connect binary' | 'gRPC';

/** What a row goes over: a transport, or Connect with GET for its reads and POST for the rest. */
export type RowTransport = TransportName | 'Connect GET';

/** One request. */
export interface Step {
  /** The RPC's name; the table's, or OpenSession, when left out. */
  readonly rpc?: string;
  /** The one transport that it goes over; else that of its row, and gRPC where an RPC has no public path. */
  readonly over?: RowTransport;
  /** A request as JSON: goes over every transport. `{}` when a step has no request of any kind. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** The bytes of an HTTP body, as text or base64: the public path and Connect's JSON. */
  readonly rawBody?: string;
  readonly rawBodyBase64?: string;
  /** The bytes of a protobuf message, base64: gRPC and Connect's binary. */
  readonly rawMessageBase64?: string;
  /**
   * The session token, sent as the transport has it: as a bearer token on HTTP, in the metadata `chat-session-token`
   * on gRPC. Where an RPC takes one it is `$session` when left out; null for none.
   */
  readonly session?: string | null;
  /** Makes another token of `$session` first: `$forged`, and the step's `session` unless it names one. */
  readonly forge?: Forgery;
  /** Headers, and gRPC metadata. A list is sent as one header for each of its values. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Null for none where the table has one. */
  readonly origin?: string | null;
  readonly contentType?: string;
  /** Packs the body. */
  readonly gzip?: boolean;
  readonly method?: string;
  /** Added to the path on HTTP. */
  readonly query?: string;
  /** The query of Connect's GET, in place of one that carries the request. */
  readonly connectQuery?: string;
  /** What every transport must answer; instead of it `chat` or `engine` or both, for those surfaces alone. */
  readonly answer?: CommonExpectation;
  readonly chat?: ChatExpectation;
  readonly engine?: EngineExpectation;
  /** Whether the session is that of the row's first step (`true`) or must be another (`false`). */
  readonly sameSession?: boolean;
  /** Names that later steps know values of the answer by, each with its path: `conversations.0.conversationId`. */
  readonly save?: Readonly<Record<string, string>>;
  /** Moves the service's clock forward before this step, in seconds. */
  readonly after?: number;
}

/** How a token differs from that of an open session. It is signed anew, with the service's key unless it says other. */
export interface Forgery {
  /** Members that are replaced, or left out (null). */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Claims that a number is added to. */
  readonly shift?: Readonly<Record<string, number>>;
  /** `keep` leaves the signature as it was, `none` leaves it out; otherwise the secret that is signed with. */
  readonly signature?: 'keep' | 'none' | 'another secret';
}

/** A row of a parity table: a request, and perhaps more that follow it. */
export interface Case extends Step {
  readonly name: string;
  /** What the session of the row is opened with, on top of the table's `open`; null opens none. */
  readonly open?: Step | null;
  readonly then?: readonly Step[];
}

/** A parity table. */
export interface CaseFile {
  /** Configuration of the service that the rows are sent to. */
  readonly env?: Readonly<Record<string, string>>;
  /** What steps are that do not say. */
  readonly rpc?: string;
  readonly origin?: string;
  /** The one transport of all rows. */
  readonly over?: RowTransport;
  /** Opens a session for each row first, which saves `$session`, `$conversation` and `$expiresAt`. */
  readonly open?: Step;
  readonly cases: readonly Case[];
}
