import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { ServiceError } from '../rpc/errors.js';

/**
 * Cursors: page tokens (AIP-158) and resume tokens, which name a place in the results of a query. Callers can neither
 * read nor forge them: each is encrypted and bound to its query.
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

/** A place in results that are ordered by time and id. `time` is in ms since the epoch; `id` is a UUID, or empty. */
export interface Place {
  readonly time: number;
  readonly id: string;
}

/** 16 bytes of tag and 22 of place, in base64url. */
const CURSOR = /^[A-Za-z0-9_-]{51}$/;
const TAG_BYTES = 16;
const TIME_BYTES = 6;
const ID_BYTES = 16;
/** Stands for an empty id: the nil UUID (RFC 9562, section 5.9), which no conversation has. */
const NO_ID = Buffer.alloc(ID_BYTES);

/** The keys that are derived from one signing key. */
interface Keys {
  readonly mac: Buffer;
  readonly cipher: Buffer;
}

/**
 * Creates cursors whose keys are derived (HKDF) from the session signing keys.
 *
 * They are encrypted as SIV mode does (RFC 5297): the tag is a MAC of the query and the place, and the IV with which the
 * place is encrypted. So a cursor needs no randomness, and the same place makes the same cursor.
 *
 * @param secrets of the signing keys: the first one makes cursors, all of them are accepted
 */
export function createCursors(secrets: readonly Uint8Array[]): Cursors {
  const keyring = secrets.map((secret): Keys => {
    const bytes = Buffer.from(hkdfSync('sha256', secret, '', 'chatsessions cursor', 64));
    return { mac: bytes.subarray(0, 32), cipher: bytes.subarray(32) };
  });

  return {
    make(query, { time, id }) {
      const [keys] = keyring;
      if (keys === undefined) throw new Error('no key');
      const place = Buffer.alloc(TIME_BYTES + ID_BYTES);
      place.writeUIntBE(time, 0, TIME_BYTES);
      place.write(id.replaceAll('-', ''), TIME_BYTES, 'hex');
      const tag = tagOf(keys, query, place);
      const encrypted = createCipheriv('aes-256-ctr', keys.cipher, tag).update(place);
      return Buffer.concat([tag, encrypted]).toString('base64url');
    },

    read(query, cursor, field) {
      if (CURSOR.test(cursor)) {
        const bytes = Buffer.from(cursor, 'base64url');
        // The last character has two bits more than the bytes need: only one spelling is accepted.
        const isCanonical = bytes.toString('base64url') === cursor;
        const tag = bytes.subarray(0, TAG_BYTES);
        for (const keys of isCanonical ? keyring : []) {
          const place = createDecipheriv('aes-256-ctr', keys.cipher, tag).update(bytes.subarray(TAG_BYTES));
          if (timingSafeEqual(tagOf(keys, query, place), tag)) return placeOf(place);
        }
      }
      throw new ServiceError('invalid_input', `${field} was not made for this query.`);
    },
  };
}

/** The place has a fixed length and comes first, so that no two pairs of place and query are written alike. */
function tagOf({ mac }: Keys, query: Query, place: Buffer): Buffer {
  const parameters = JSON.stringify(query.map((value) => value ?? null));
  return createHmac('sha256', mac).update(place).update(parameters).digest().subarray(0, TAG_BYTES);
}

function placeOf(bytes: Buffer): Place {
  const time = bytes.readUIntBE(0, TIME_BYTES);
  const id = bytes.subarray(TIME_BYTES);
  if (id.equals(NO_ID)) return { time, id: '' };
  const hex = id.toString('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return { time, id: groups.join('-') };
}
