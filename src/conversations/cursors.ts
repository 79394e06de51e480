import { createHmac, hkdfSync } from 'node:crypto';
import { isSameText } from '../crypto/same-text.js';
import { ServiceError } from '../rpc/errors.js';

/**
 * Cursors: page tokens (AIP-158) and resume tokens, which name a place in the results of a query. Callers can read them
 * but cannot forge them: a MAC binds each cursor to its query.
 */
export interface Cursors {
  /** Makes a URL-safe cursor for a place in the results of `query`. */
  readonly make: (query: Query, place: Place) => string;
  /**
   * Reads the place out of a cursor.
   *
   * @param field the request field that holds the cursor, for the error message
   * @throws ServiceError invalid_input when the cursor was made for another query, or not by this service
   */
  readonly read: (query: Query, cursor: string, field: string) => Place;
}

/** A query: the name of its RPC, then the values of its parameters in a fixed order. */
export type Query = readonly [rpc: string, ...parameters: (string | number | boolean | undefined)[]];

/** A place in results that are ordered by time and id. `time` is in ms since the epoch; `id` may be empty. */
export interface Place {
  readonly time: number;
  readonly id: string;
}

const CURSOR = /^(\d{1,15})~([0-9a-f-]{0,36})~([A-Za-z0-9_-]{22})$/;
const MAC_BYTES = 16;

/**
 * Creates cursors whose MAC keys are derived (HKDF) from the session signing keys.
 *
 * @param secrets of the signing keys: the first one makes cursors, all of them are accepted
 */
export function createCursors(secrets: readonly Uint8Array[]): Cursors {
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'chatsessions cursor', 32)),
  );

  function macOf(key: Buffer, query: Query, place: string): string {
    const hmac = createHmac('sha256', key).update(
      JSON.stringify([place, ...query.map((value) => value ?? null)]),
    );
    return hmac.digest().subarray(0, MAC_BYTES).toString('base64url');
  }

  return {
    make(query, { time, id }) {
      const [key] = keys;
      if (key === undefined) throw new Error('no key');
      const place = `${time}~${id}`;
      return `${place}~${macOf(key, query, place)}`;
    },

    read(query, cursor, field) {
      const [, time = '', id = '', mac = ''] = CURSOR.exec(cursor) ?? [];
      const place = `${time}~${id}`;
      // Comparing the text, not the decoded bytes, rejects other base64url spellings of the same MAC. The pattern has
      // already fixed the length, which a constant-time comparison needs.
      const isOurs = keys.some((key) => isSameText(macOf(key, query, place), mac));
      if (!isOurs) throw new ServiceError('invalid_input', `${field} is not of this query.`);
      return { time: Number(time), id };
    },
  };
}
