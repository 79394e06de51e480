import { isIPv4 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { parse as parseDomain } from 'tldts';

/**
 * One entry of a widget key's `allowedOrigins`. `text` is its normal form, which is stored and shown.
 */
export type OriginPattern =
  /** `https://acme.com`: only this origin. */
  | { readonly kind: 'exact'; readonly text: string }
  /** `https://*.acme.com:8443`: origins with `prefix` (`https://`) and `suffix` (`.acme.com:8443`). */
  | { readonly kind: 'subdomains'; readonly text: string; readonly prefix: string; readonly suffix: string }
  /** `http://localhost:*`: `origin` (`http://localhost`) on any port. */
  | { readonly kind: 'anyPort'; readonly text: string; readonly origin: string };

type WildPattern = Exclude<OriginPattern, { kind: 'exact' }>;

/** The pattern of an origin as browsers serialise it, without IPv6 addresses. */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[0-9]{1,5})?$/;

/**
 * Parses one entry of `allowedOrigins` and normalises it as browsers serialise origins (RFC 6454 §6.2): lower case, IDN
 * hosts in punycode, no default port.
 *
 * @throws {Error} whose message says in one sentence what is wrong with the entry.
 */
export function parseOriginPattern(text: string): OriginPattern {
  const fail = (why: string): Error => new Error(`${JSON.stringify(text)} ${why}`);
  if (text === '*') throw fail('would allow every website: name the origins, or use https://*.your-domain');
  if (text === 'null') throw fail('is what sandboxed and local pages send and can never be allowed');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: URL parsers drop some of them silently
  if (/[\s\u0000-\u001f\u007f]/.test(text)) throw fail('contains white space or control characters');

  const [, scheme, rest] = /^(https?):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) throw fail('does not start with https:// or http://');
  if (rest === '') throw fail('has no host');
  if (/^[^/?#]+\/$/.test(rest)) throw fail('ends in a slash: leave the slash out');
  if (/[/?#\\]/.test(rest))
    throw fail('has more than scheme, host and port: leave out path, query and fragment');
  if (rest.includes('@')) throw fail('has a user name: leave out everything up to the @');
  if (rest.includes('%')) throw fail('has a percent sign in its host');

  const isAnyPort = rest.endsWith(':*');
  const isSubdomains = rest.startsWith('*.');
  const host = rest.slice(isSubdomains ? 2 : 0, isAnyPort ? -2 : undefined);
  if ((isSubdomains && isAnyPort) || ((isSubdomains || isAnyPort) && host.includes('*'))) {
    throw fail('has two wildcards');
  }
  if (host.includes('*')) {
    throw fail('has a * where none may stand: it can only be all of the subdomain, as in https://*.acme.com');
  }
  if (host.endsWith(':')) throw fail('has a colon without a port');
  if (/\.(?::|$)/.test(host)) throw fail('has a host that ends in a dot');
  const url = parseUrl(`${scheme}://${host}`);
  if (!url || !(PLAIN_ORIGIN.test(url.origin) || url.hostname.startsWith('['))) {
    throw fail('has no valid host and port');
  }
  if (isAnyPort) {
    if (url.port !== '' || !isLoopback(url.hostname)) {
      throw fail('has a wildcard port, which only localhost and loopback addresses may have');
    }
    return { kind: 'anyPort', text: `${url.origin}:*`, origin: url.origin };
  }
  if (isSubdomains) {
    // A wildcard over a public suffix would allow the website of everybody who registers a name under it.
    const { domain, isIp } = parseDomain(url.hostname, { allowPrivateDomains: true });
    if (isIp) throw fail('has a wildcard before an address: addresses have no subdomains');
    if (domain === null) {
      throw fail(`is a wildcard over the public suffix ${url.hostname}, where anybody can have a name`);
    }
    const prefix = `${url.protocol}//`;
    return { kind: 'subdomains', text: `${prefix}*.${url.host}`, prefix, suffix: `.${url.host}` };
  }
  return { kind: 'exact', text: url.origin };
}

/** The longest origin in the cache, in characters. A host name has at most 253. */
const MAX_ORIGIN_LENGTH = 300;
/** A cache of {@link isSerialised}: visitors send the same few origins, and parsing one takes 2 µs. */
const serialised = new LRUCache<string, boolean>({ max: 2_000 });

/**
 * Compiles the patterns of a widget key to a predicate for the `Origin` header. The predicate takes the header as sent
 * and never throws. It matches only the form in which browsers serialise an origin: upper case, a default port, a
 * trailing slash, two origins and `null` do not match.
 *
 * A stored pattern that has become invalid matches nothing, for example when its domain has become a public suffix.
 */
export function compileOrigins(patterns: readonly string[]): (origin: string) => boolean {
  const exact = new Set<string>();
  const wild: WildPattern[] = [];
  for (const text of patterns) {
    const pattern = parseStored(text);
    if (pattern?.kind === 'exact') exact.add(pattern.text);
    else if (pattern) wild.push(pattern);
  }
  return (origin) => exact.has(origin) || wild.some((pattern) => matches(pattern, origin));
}

function matches(pattern: WildPattern, origin: string): boolean {
  if (pattern.kind === 'anyPort') {
    if (origin === pattern.origin) return true;
    return origin.startsWith(`${pattern.origin}:`) && isSerialised(origin);
  }
  return (
    origin.startsWith(pattern.prefix) &&
    origin.endsWith(pattern.suffix) &&
    PLAIN_ORIGIN.test(origin) &&
    isSerialised(origin)
  );
}

function parseStored(text: string): OriginPattern | undefined {
  try {
    return parseOriginPattern(text);
  } catch {
    return undefined;
  }
}

/** Whether a text is an origin exactly as browsers serialise it. */
function isSerialised(origin: string): boolean {
  let known = serialised.get(origin);
  if (known === undefined) {
    known = parseUrl(origin)?.origin === origin;
    if (origin.length <= MAX_ORIGIN_LENGTH) serialised.set(origin, known);
  }
  return known;
}

function parseUrl(text: string): URL | undefined {
  // URL.canParse avoids the stack trace of a thrown error; URL.parse does not exist in Node 20.
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}
