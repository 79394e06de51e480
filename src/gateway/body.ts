import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';

/** The most memory that all unfinished bodies may take, in bytes. */
const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;
/**
 * The most chunks that a body may have. Chunks of one byte (RFC 9112, section 7.1) cost a hundred times as much as the
 * same bytes in one chunk.
 */
const MAX_CHUNKS = 4_096;
/** The smallest buffer for a body that comes in several chunks, in bytes. */
const MIN_BUFFER_BYTES = 1024;

/** The media type of a request, without parameters; undefined when it has a charset other than UTF-8. */
export function mediaTypeOf(request: IncomingMessage): string | undefined {
  const header = request.headers['content-type'];
  // The fast path: nearly all requests have exactly this header.
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

/** Whether a request has no body, as far as its headers say (RFC 9112, section 6.3). */
export function declaresNoBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

/**
 * Whether a compression is gzip, or `x-gzip`, which is the same (RFC 9110, section 8.4.1.3); it is `identity` otherwise.
 *
 * @throws ServiceError unsupported_encoding
 */
export function isGzip(encoding = 'identity'): boolean {
  const name = encoding.toLowerCase();
  if (name === 'gzip' || name === 'x-gzip') return true;
  if (name === 'identity' || name === '') return false;
  throw new ServiceError('unsupported_encoding', 'Requests may be compressed with gzip, or not at all.');
}

/**
 * Decompresses gzip, to at most `maxBytes`. An empty body stays empty: Connect's clients never compress one. It runs in the event loop and not in zlib's threads: requests are small,
 * and those that wait for a thread hold memory.
 *
 * @throws ServiceError payload_too_large, or invalid_input for what is not gzip
 */
export function unpack(packed: Uint8Array, maxBytes = MAX_REQUEST_BYTES): Buffer {
  if (packed.length === 0) return Buffer.alloc(0);
  try {
    return gunzipSync(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(maxBytes);
    throw new ServiceError('invalid_input', 'The request says that it is gzip, and is not.', {}, error);
  }
}

/**
 * Makes a reader of whole request bodies, which it decompresses.
 *
 * All unfinished bodies together hold at most `maxUnfinishedBytes`; then the connection of the oldest one is closed. So
 * slow senders can only cost each other: a body that arrives at once is never the oldest.
 *
 * The reader throws ServiceError, at once or as a rejection: unsupported_encoding (other than gzip), payload_too_large
 * (over `maxBytes`, packed or unpacked, or in over 4,096 chunks), invalid_input (not gzip, or cut off).
 */
export function createBodyReader({
  maxBytes = MAX_REQUEST_BYTES,
  maxUnfinishedBytes = MAX_UNFINISHED_BYTES,
} = {}) {
  /** The requests whose body is arriving, oldest first, each with its memory in bytes. */
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
      let chunks = 0;
      request.on('data', (chunk: Buffer) => {
        const start = size;
        size += chunk.length;
        if (size > maxBytes || ++chunks > MAX_CHUNKS) {
          release(request);
          reject(tooLarge(maxBytes));
          return;
        }
        if (buffer === undefined) buffer = chunk;
        else {
          // One buffer: a list of one-byte chunks would take a hundred times their bytes of memory.
          if (size > buffer.length) buffer = grow(buffer, size);
          chunk.copy(buffer, start);
        }
        hold(request, buffer.length);
      });
      request.on('end', () => {
        release(request);
        resolve(buffer?.subarray(0, size) ?? Buffer.alloc(0));
      });
      // Node emits this when the connection closes before the end of the body.
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
    `The request is larger than ${maxBytes} bytes, or comes in more than ${MAX_CHUNKS} chunks.`,
  );
}
