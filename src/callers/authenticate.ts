import { hash, timingSafeEqual } from 'node:crypto';
import type { Call, Caller, CertificateSubject } from '../rpc/call.js';
import { ServiceError } from '../rpc/errors.js';

/** A caller, and what it can show: one of its tokens, or its client certificate. */
export interface KnownCaller extends Caller {
  /** What {@link tokenDigest} makes of each of its tokens: several while one is being replaced. */
  readonly tokenDigests: readonly Buffer[];
  /** The whole subject of its client certificate. */
  readonly certificateSubject?: CertificateSubject | undefined;
}

const BEARER = /^Bearer ([^\s,]+)$/i;

/** The bearer token (RFC 6750) of an `Authorization` header; undefined when there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

/** SHA-256 of an engine token: what is kept of it. */
export function tokenDigest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** A subject as one text: the same for the same attributes, whatever their order. */
export function subjectText(subject: CertificateSubject): string {
  const attributes = Object.entries(subject).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(attributes.map(([name, values]) => [name, [values].flat()]));
}

/**
 * Lets callers in. The chat surface takes anyone (the widget key and the origin say what a browser may do). On the
 * engine surface a caller shows its token in the metadata `authorization`, or else its client certificate; what
 * it gives as `authorization` decides alone. When no callers are known the engine surface is open: configuration
 * allows that on loopback or behind client certificates.
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
    // All of them, each in constant time: how long it takes says nothing of how near a token was.
    for (const candidate of tokens) {
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.caller;
    }
    if (found === undefined) throw new ServiceError('unauthenticated', 'The engine token is not known.');
    return found;
  }

  function byCertificate(call: Call): Caller {
    // Reading a certificate takes its time: not where it cannot matter.
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
