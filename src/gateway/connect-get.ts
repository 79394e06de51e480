import type { IncomingMessage } from 'node:http';
import { parse } from 'node:querystring';
import { ServiceError } from '../rpc/errors.js';
import { isGzip, unpack } from './body.js';

/** The URL-safe alphabet of base64 (RFC 4648, section 5), with its padding or without. */
const BASE64URL = /^[\w-]*={0,2}$/;

/** The query of a Connect GET request: https://connectrpc.com/docs/protocol#unary-get-request */
export interface ConnectQuery {
  /** `json` or `proto`. */
  readonly encoding: string | undefined;
  /** `v1`. */
  readonly version: string | undefined;
  /** The request's message, unpacked. @throws ServiceError invalid_input, payload_too_large */
  readonly message: () => Buffer;
}

/**
 * Reads the query of a Connect GET request.
 *
 * @throws ServiceError invalid_input (a parameter is given twice), unsupported_encoding
 */
export function readQuery({ url = '' }: IncomingMessage): ConnectQuery {
  const start = url.indexOf('?');
  const query = parse(start === -1 ? '' : url.slice(start + 1), '&', '=', { decodeURIComponent: toBytes });
  const isPacked = isGzip(parameter('compression'));
  return {
    encoding: parameter('encoding'),
    version: parameter('connect'),
    message() {
      const text = parameter('message');
      if (text === undefined) throw new ServiceError('invalid_input', 'The parameter message is required.');
      const bytes = parameter('base64') === '1' ? fromBase64(text) : Buffer.from(text, 'latin1');
      return isPacked ? unpack(bytes) : bytes;
    },
  };

  function parameter(name: string): string | undefined {
    const value = query[name];
    if (typeof value !== 'object') return value;
    throw new ServiceError('invalid_input', `The parameter ${name} is given twice.`);
  }
}

/**
 * Decodes %XX to a character for each byte. As text it would be UTF-8 whose faults are mended without a word, and
 * messages in the protobuf format are no text.
 */
function toBytes(encoded: string): string {
  return encoded.replace(/%([\dA-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function fromBase64(text: string): Buffer {
  if (BASE64URL.test(text)) return Buffer.from(text, 'base64url');
  throw new ServiceError('invalid_input', 'The parameter message must be base64 with the URL-safe alphabet.');
}
