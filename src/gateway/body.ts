import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';

/**
 * How much of a refused body is read and thrown away, in bytes, so that its sender gets to read the refusal: a
 * connection that is closed with unread data is reset.
 */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;
/** The most memory that unfinished bodies may take together, in bytes. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/**
 * The most pieces that a body may come in. Chunks of one byte (RFC 9112, section 7.1) cost a hundred times what the same
 * bytes cost in one.
 */
const MAX_PIECES = 4_096;
/** The smallest buffer for a body that comes in pieces, in bytes. */
const MIN_BUFFER_BYTES = 1024;

/** The media type of a request, without parameters; undefined when it has a charset other than UTF-8. */
export function mediaTypeOf(request: IncomingMessage): string | undefined {
  const header = request.headers['content-type'];
  // What nearly all send, without taking it apart.
  if (header === 'application/json') return header;
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=').map((part) => part.trim());
    if (name === 'charset' && value !== 'utf-8' && value !== '"utf-8"' && value !== 'utf8') return undefined;
  }
  return type.trim();
}

/** Whether a request's Content-Length says that its body is too large. */
export function declaresTooLarge(request: IncomingMessage, maxBytes: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > maxBytes;
}

/**
 * Whether a compression is gzip; it is `identity` otherwise.
 *
 * @throws ServiceError unsupported_encoding
 */
export function isGzip(encoding = 'identity'): boolean {
  const name = encoding.toLowerCase();
  if (name === 'gzip' || name === 'identity') return name === 'gzip';
  throw new ServiceError('unsupported_encoding', 'Requests may be compressed with gzip, or not at all.');
}

/**
 * Unpacks gzip to at most `maxBytes`. It runs in the event loop and not in zlib's threads: requests are small, and those
 * that wait for a thread hold memory.
 *
 * @throws ServiceError payload_too_large, or invalid_input for what is not gzip
 */
export function unpack(packed: Uint8Array, maxBytes = MAX_REQUEST_BYTES): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(maxBytes);
    throw new ServiceError('invalid_input', 'The request says that it is gzip, and is not.', {}, error);
  }
}

/** Throws away what is left of a request whose answer does not depend on it. */
export function discardBody(request: IncomingMessage): void {
  let discarded = 0;
  let pieces = 0;
  request.removeAllListeners('data').on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES || ++pieces > MAX_PIECES) request.destroy();
  });
  request.resume();
}

/**
 * Makes the reader of request bodies: whole, and unpacked.
 *
 * Together, unfinished bodies hold at most `maxUnfinishedBytes`. Beyond that the connection of the oldest of them is
 * closed: a body that arrives in one go is never among the old ones, however many slow senders there are.
 *
 * The reader throws ServiceError, at once or as a rejection: unsupported_encoding (other than gzip), payload_too_large
 * (over `maxBytes`, packed or unpacked, or in over 4,096 pieces), invalid_input (not gzip, or cut off).
 */
export function createBodyReader({
  maxBytes = MAX_REQUEST_BYTES,
  maxUnfinishedBytes = MAX_UNFINISHED_BYTES,
} = {}) {
  /** Bodies of which a part has arrived, the oldest first, with the memory that each takes in bytes. */
  const unfinished = new Map<IncomingMessage, number>();
  let heldBytes = 0;

  return (request: IncomingMessage): Promise<Buffer> => {
    const isPacked = isGzip(request.headers['content-encoding']);
    if (declaresTooLarge(request, maxBytes)) throw tooLarge(maxBytes);

    const body = collect(request);
    return isPacked ? body.then((packed) => unpack(packed, maxBytes)) : body;
  };

  function collect(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let buffer: Buffer | undefined;
      let size = 0;
      let pieces = 0;
      request.on('data', (chunk: Buffer) => {
        const start = size;
        size += chunk.length;
        if (size > maxBytes || ++pieces > MAX_PIECES) {
          release(request);
          reject(tooLarge(maxBytes));
          return;
        }
        if (buffer === undefined) buffer = chunk;
        else {
          // Copied together: a list of pieces of one byte would take a hundred times what was sent.
          if (size > buffer.length) buffer = grow(buffer, size);
          chunk.copy(buffer, start);
        }
        hold(request, buffer.length);
      });
      request.on('end', () => {
        release(request);
        resolve(buffer?.subarray(0, size) ?? Buffer.alloc(0));
      });
      // What Node emits when the connection is gone before the end.
      request.on('error', () => {
        release(request);
        reject(new ServiceError('invalid_input', 'The request ended before its body did.'));
      });
    });
  }

  function hold(request: IncomingMessage, bytes: number): void {
    heldBytes += bytes - (unfinished.get(request) ?? 0);
    unfinished.set(request, bytes);
    if (heldBytes <= maxUnfinishedBytes) return;
    const [oldest] = unfinished.keys();
    if (oldest === undefined) return;
    release(oldest);
    oldest.destroy();
  }

  function release(request: IncomingMessage): void {
    heldBytes -= unfinished.get(request) ?? 0;
    unfinished.delete(request);
  }
}

function grow(buffer: Buffer, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(MIN_BUFFER_BYTES, 2 * size));
  buffer.copy(larger);
  return larger;
}

function tooLarge(maxBytes: number): ServiceError {
  return new ServiceError(
    'payload_too_large',
    `The request is larger than ${maxBytes} bytes, or comes in more than ${MAX_PIECES} chunks.`,
  );
}
