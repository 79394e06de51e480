import { createHmac, hkdfSync } from 'node:crypto';
import { isSameText } from '../crypto/same-text.js';
import { ServiceError } from '../rpc/errors.js';

/**
 * Cursors: places in an answer, as callers carry them from one call to the next (AIP-158's page tokens, resume
 * tokens). They can be read but not made: a MAC binds each to the query that it is a place of.
 */
export interface Cursors {
  /** A cursor, URL-safe. `query` is what it belongs to: an RPC and its parameters. */
  readonly make: (query: Query, place: Place) => string;
  /**
   * The place that a cursor of this very query names.
   *
   * @param field the request's field, for the error
   * @throws ServiceError invalid_input
   */
  readonly read: (query: Query, cursor: string, field: string) => Place;
}

/** An RPC's name, and the values of its parameters in their order. */
export type Query = readonly [rpc: string, ...parameters: (string | number | boolean | undefined)[]];

/** A time in ms since the epoch, and perhaps the id behind which to go on. */
export interface Place {
  readonly time: number;
  readonly id: string;
}

const CURSOR = /^(\d{1,15})~([0-9a-f-]{0,36})~([A-Za-z0-9_-]{22})$/;
const MAC_BYTES = 16;

/** @param secrets of the session signing keys: the first makes, all are accepted; other keys are derived of them */
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
      // Compared as text, so that one MAC has one spelling; the pattern has seen to its length.
      const isOurs = keys.some((key) => isSameText(macOf(key, query, place), mac));
      if (!isOurs) throw new ServiceError('invalid_input', `${field} is not of this query.`);
      return { time: Number(time), id };
    },
  };
}
