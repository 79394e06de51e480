import type { CallSignal } from './call-signal.js';
import type { Surface } from './surface.js';

/** What an edge knows of a call beside its message. */
export interface Call {
  readonly surface: Surface;
  readonly transport: 'http' | 'connect' | 'grpc';
  /** The caller's `X-Request-Id`, or one of ours: in the log and in the answer. */
  readonly requestId: string;
  /** How long the caller waits, in ms; Infinity when it did not say. */
  readonly timeoutMs: number;
  /** A request header or metadata entry, by its lower-case name; of repeated ones the first, or all joined by `, `. */
  readonly header: (name: string) => string | undefined;
  /** Calls `listener` when the caller hangs up before it has its answer. */
  readonly onGone?: (listener: () => void) => void;
  /** The subject of the client certificate that the connection showed; undefined when it showed none that is verified. */
  readonly certificateSubject?: () => CertificateSubject | undefined;
}

/** The subject of a certificate (RFC 5280, 4.1.2.6) by its attributes' short names; of one that repeats, all values. */
export type CertificateSubject = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What an engine caller may be allowed to do; each RPC needs one of these. */
export const SCOPES = ['open', 'verify', 'read', 'write', 'erase', 'catalog'] as const;

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** What an engine caller may be called. */
export const CALLER_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** An internal service that has shown who it is. */
export interface Caller {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The slugs of the tenants that it works for. */
  readonly tenants: ReadonlySet<string> | 'all';
}

/** A call that has been let in: what handlers see. */
export interface AuthenticatedCall extends Call {
  /** Undefined on the chat surface, and where engine callers need not show who they are. */
  readonly caller: Caller | undefined;
  /** When the answer is due, in ms of the pipeline's `elapsed`. */
  readonly deadline: number;
  /** Aborted with a reason when the rest of the work is not wanted any more. */
  readonly signal: CallSignal;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** The request id to use: what the caller sent, when it can be logged and echoed as it is, else a new one. */
export function requestIdOf(sent: string | undefined, newRequestId: () => string): string {
  return sent !== undefined && REQUEST_ID.test(sent) ? sent : newRequestId();
}
