import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ServiceError } from '../rpc/errors.js';
import { MAX_REQUEST_BYTES } from '../rpc/limits.js';

/**
 * How much of a refused body is read and thrown away, in bytes, so that its sender gets to read the refusal: a
 * connection that is closed with unread data is reset.
 */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

const unzip = promisify(gunzip);

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

/**
 * Reads a whole request body, unpacked.
 *
 * @throws ServiceError, at once or as a rejection: unsupported_media_type (an encoding other than gzip),
 * payload_too_large (over 64 KiB, packed or unpacked), invalid_input (not gzip, or cut off)
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new ServiceError('unsupported_media_type', 'Content-Encoding must be gzip, or left out.');
  }
  if (declaresTooLarge(request)) throw tooLarge();

  const body = collect(request);
  return encoding === 'gzip' ? body.then(unpack) : body;
}

/** Whether the headers say already that the body is too large. */
export function declaresTooLarge(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > MAX_REQUEST_BYTES;
}

/** Throws away what is left of a request whose answer does not depend on it. */
export function discardBody(request: IncomingMessage): void {
  let discarded = 0;
  request.removeAllListeners('data').on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MAX_DISCARDED_BYTES) request.destroy();
  });
  request.resume();
}

function collect(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_REQUEST_BYTES) reject(tooLarge());
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    // What Node emits when the connection is gone before the end.
    request.on('error', () =>
      reject(new ServiceError('invalid_input', 'The request ended before its body did.')),
    );
  });
}

async function unpack(body: Buffer): Promise<Buffer> {
  try {
    return await unzip(body, { maxOutputLength: MAX_REQUEST_BYTES });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new ServiceError('invalid_input', 'The body is not what Content-Encoding: gzip says.', {}, error);
  }
}

function tooLarge(): ServiceError {
  return new ServiceError('payload_too_large', `The body is larger than ${MAX_REQUEST_BYTES} bytes.`);
}
