import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../rpc/errors.js';

/** `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2.2), in one pass. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?$/;

/**
 * What is wrong with the Host header of a request. A server has to refuse one that is missing, there twice or no host
 * (RFC 9112, section 3.2); only HTTP/1.0 may leave it out. It is used for nothing.
 */
export function hostFault({ headers, httpVersion, rawHeaders }: IncomingMessage): ServiceError | undefined {
  const { host } = headers;
  if (host === undefined) {
    return httpVersion === '1.0'
      ? undefined
      : new ServiceError('invalid_input', 'A Host header is required.');
  }
  if (HOST.test(host) && countHosts(rawHeaders) === 1) return undefined;
  return new ServiceError('invalid_input', 'The Host header must be one host, with a port or without.');
}

/** Node keeps the first one. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}
