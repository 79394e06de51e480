import type { CallSignal } from './call-signal.js';
import type { Surface } from './surface.js';

/** The metadata of a call, as its edge provides it. */
export interface Call {
  readonly surface: Surface;
  readonly transport: 'http' | 'connect' | 'grpc';
  /** The caller's `X-Request-Id`, or a generated one. It is in the log and in the answer. */
  readonly requestId: string;
  /** The caller's timeout, in ms; Infinity when it set none. */
  readonly timeoutMs: number;
  /** Gets a header or metadata entry by its lower-case name. Of a repeated one: the first, or all joined by `, `. */
  readonly header: (name: string) => string | undefined;
  /**
   * Adds a header to the answer or the error of a unary call: an HTTP header, or gRPC's initial metadata. A name that
   * is added twice keeps both values. Undefined for streams, whose headers are sent before their handler runs.
   */
  readonly addHeader?: ((name: string, value: string) => void) | undefined;
  /**
   * Adds a trailer, like {@link addHeader}. Connect sends it as a `Trailer-` header, a public path as a plain header.
   */
  readonly addTrailer?: ((name: string, value: string) => void) | undefined;
  /** Registers a listener for a caller that hangs up before it has its answer. */
  readonly onGone?: ((listener: () => void) => void) | undefined;
  /** Gets the subject of the connection's client certificate; undefined without a verified one. */
  readonly certificateSubject?: (() => CertificateSubject | undefined) | undefined;
}

/**
 * The subject of a certificate (RFC 5280, 4.1.2.6): its attributes by short name, with all values of a repeated one.
 */
export type CertificateSubject = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The permissions of engine callers. Each RPC requires one of them; `vouch` allows a field of OpenSession. */
export const SCOPES = ['open', 'vouch', 'verify', 'read', 'write', 'erase', 'catalog'] as const;

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** The pattern of engine callers' names. */
export const CALLER_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** An authenticated engine caller: an internal service. */
export interface Caller {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The slugs of the tenants that it may work for. */
  readonly tenants: ReadonlySet<string> | 'all';
}

/** A call after authentication, as handlers see it. */
export interface AuthenticatedCall extends Call {
  /** Undefined on the chat surface, and where engine callers need no credentials. */
  readonly caller: Caller | undefined;
  /** The time at which the answer is due, in ms of the pipeline's monotonic clock. */
  readonly deadline: number;
  /** Aborted, with a reason, when nobody needs the rest of the work. */
  readonly signal: CallSignal;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Chooses the request id: the caller's, when it is safe to log and to echo, else a new one. */
export function requestIdOf(sent: string | undefined, newRequestId: () => string): string {
  return sent !== undefined && REQUEST_ID.test(sent) ? sent : newRequestId();
}
