import { createHash, timingSafeEqual } from 'node:crypto';
import type { Call } from './call.js';
import { ServiceError } from './errors.js';

/** An internal service that may use the engine surface. */
export interface EngineToken {
  readonly name: string;
  readonly token: string;
}

const BEARER = /^Bearer ([^\s,]+)$/i;

/**
 * Lets callers in. The chat surface takes anyone (the widget key and the origin say what a browser may do);
 * the engine surface takes a bearer token (RFC 6750) in the metadata `authorization`. Without configured
 * tokens the engine surface is open: configuration allows that on loopback or behind client certificates.
 */
export function createAuthenticate(tokens: readonly EngineToken[]): (call: Call) => string | undefined {
  // Digests have one length, which timingSafeEqual needs, and comparing all of them takes one time.
  const callers = tokens.map(({ name, token }) => ({ name, digest: sha256(token) }));

  return (call) => {
    if (call.surface === 'chat' || callers.length === 0) return undefined;
    const token = BEARER.exec(call.header('authorization') ?? '')?.[1];
    if (token === undefined) {
      throw new ServiceError(
        'unauthenticated',
        'An engine token is required: authorization: Bearer <token>.',
      );
    }
    const digest = sha256(token);
    const [caller] = callers.filter((candidate) => timingSafeEqual(candidate.digest, digest));
    if (caller === undefined) throw new ServiceError('unauthenticated', 'The engine token is not known.');
    return caller.name;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
