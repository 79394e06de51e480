import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../rpc/errors.js';

/** `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2.2), without backtracking. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?$/;

/**
 * Checks the Host header, which the service itself does not use. RFC 9112 (section 3.2) has every server refuse one
 * that is missing, repeated or malformed; a client of HTTP/1.0 may leave it out.
 *
 * @returns the refusal; undefined when the header is good
 */
export function checkHost({ headers, httpVersion, rawHeaders }: IncomingMessage): ServiceError | undefined {
  const { host } = headers;
  if (host === undefined) {
    return httpVersion === '1.0'
      ? undefined
      : new ServiceError('invalid_input', 'A Host header is required.');
  }
  if (HOST.test(host) && countHosts(rawHeaders) === 1) return undefined;
  return new ServiceError('invalid_input', 'The Host header must be one host, with a port or without.');
}

/** Counts the Host headers: in `headers` Node keeps only the first. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}
