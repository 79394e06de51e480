import { hash, timingSafeEqual } from 'node:crypto';
import type { Call, Caller, CertificateSubject } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';

/** A configured engine caller with its credentials: engine tokens, a client certificate, or both. */
export interface KnownCaller extends Caller {
  /** The {@link tokenDigest} of each of its tokens; there are several during a token rotation. */
  readonly tokenDigests: readonly Buffer[];
  /** The full subject of its client certificate. */
  readonly certificateSubject?: CertificateSubject | undefined;
}

/** RFC 9110, section 11.4: one or more spaces after the scheme. */
const BEARER = /^Bearer +([^\s,]+)$/i;

/** Extracts the bearer token (RFC 6750) from an `Authorization` header; undefined when there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

/** The SHA-256 of an engine token. Only this is kept and compared, never the token. */
export function tokenDigest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Serialises a subject for comparison: equal for the same attributes in any order. */
export function subjectText(subject: CertificateSubject): string {
  const attributes = Object.entries(subject).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(attributes.map(([name, values]) => [name, [values].flat()]));
}

/**
 * Creates the function that authenticates calls. It returns undefined where no credentials are needed, and throws
 * ServiceError unauthenticated.
 *
 * On the chat surface it accepts everyone: the widget key and the origin decide what a browser may do. On the engine
 * surface it checks the token in the metadata `authorization`; only without that entry it checks the client
 * certificate. Without any configured caller the engine surface is open, which the configuration allows only on
 * loopback or behind client certificates.
 */
export function createAuthenticate(known: readonly KnownCaller[]): (call: Call) => Caller | undefined {
  const tokens: { readonly digest: Buffer; readonly caller: Caller }[] = [];
  const subjects = new Map<string, Caller>();
  for (const { name, scopes, tenants, tokenDigests, certificateSubject } of known) {
    const caller = { name, scopes, tenants };
    for (const digest of tokenDigests) tokens.push({ digest, caller });
    if (certificateSubject) subjects.set(subjectText(certificateSubject), caller);
  }

  return (call) => {
    if (call.surface === 'chat' || known.length === 0) return undefined;
    const authorization = call.header('authorization');
    return authorization === undefined ? byCertificate(call) : byToken(authorization);
  };

  function byToken(authorization: string): Caller {
    const token = bearerToken(authorization);
    if (token === undefined) throw tokenRequired();
    const digest = tokenDigest(token);
    let found: Caller | undefined;
    // Compares with all tokens, each in constant time, so that the duration does not reveal how close a guess was.
    for (const candidate of tokens) {
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.caller;
    }
    if (found === undefined) throw new ServiceError('unauthenticated', 'The engine token is not known.');
    return found;
  }

  function byCertificate(call: Call): Caller {
    // Parsing a certificate is slow, so it is skipped when no caller uses one.
    const subject = subjects.size > 0 ? call.certificateSubject?.() : undefined;
    if (subject === undefined) throw tokenRequired();
    const found = subjects.get(subjectText(subject));
    if (found !== undefined) return found;
    throw new ServiceError('unauthenticated', 'No caller has the subject of this client certificate.');
  }
}

function tokenRequired(): ServiceError {
  return new ServiceError('unauthenticated', 'An engine token is required: authorization: Bearer <token>.');
}
