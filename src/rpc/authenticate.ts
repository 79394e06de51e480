import { createHash, timingSafeEqual } from 'node:crypto';
import { type Call, type Caller, SCOPES } from './call.js';
import { ServiceError } from './errors.js';

/** An internal service that may use all of the engine surface, for all tenants. */
export interface EngineToken {
  readonly name: string;
  readonly token: string;
}

const BEARER = /^Bearer ([^\s,]+)$/i;

/** The bearer token (RFC 6750) of an `Authorization` header; undefined when there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

/**
 * Lets callers in. The chat surface takes anyone (the widget key and the origin say what a browser may do);
 * the engine surface takes a bearer token in the metadata `authorization`. Without configured
 * tokens the engine surface is open: configuration allows that on loopback or behind client certificates.
 */
export function createAuthenticate(tokens: readonly EngineToken[]): (call: Call) => Caller | undefined {
  // Digests have one length, which timingSafeEqual needs, and comparing all of them takes one time.
  const callers = tokens.map(({ name, token }) => ({
    caller: { name, scopes: new Set(SCOPES), tenants: 'all' } satisfies Caller,
    digest: sha256(token),
  }));

  return (call) => {
    if (call.surface === 'chat' || callers.length === 0) return undefined;
    const token = bearerToken(call.header('authorization'));
    if (token === undefined) {
      throw new ServiceError(
        'unauthenticated',
        'An engine token is required: authorization: Bearer <token>.',
      );
    }
    const digest = sha256(token);
    const [found] = callers.filter((candidate) => timingSafeEqual(candidate.digest, digest));
    if (found === undefined) throw new ServiceError('unauthenticated', 'The engine token is not known.');
    return found.caller;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
