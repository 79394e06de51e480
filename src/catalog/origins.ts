import { isIPv4 } from 'node:net';
import { parse as parseDomain } from 'tldts';
import { nearest } from '../yaml/nearest.js';

/**
 * One entry of a widget key's `allowedOrigins`. `text` is its normal form, which is stored and shown.
 */
export type OriginPattern =
  /** `https://acme.com`, `capacitor://localhost`: only this origin. */
  | { readonly kind: 'exact'; readonly text: string }
  /** `https://*.acme.com:8443`: origins with `prefix` (`https://`) and `suffix` (`.acme.com:8443`). */
  | { readonly kind: 'subdomains'; readonly text: string; readonly prefix: string; readonly suffix: string }
  /** `https://shop-*.acme.app`: one label between `prefix` (`https://shop-`) and `suffix` (`.acme.app`). */
  | { readonly kind: 'label'; readonly text: string; readonly prefix: string; readonly suffix: string }
  /** `http://localhost:*`: `origin` (`http://localhost`) on any port. */
  | { readonly kind: 'anyPort'; readonly text: string; readonly origin: string };

/** Why an entry of `allowedOrigins` is refused. */
export class OriginPatternError extends Error {
  override readonly name = 'OriginPatternError';

  constructor(
    /** The stable id of the broken rule, such as `allowed_origins.path`. */
    readonly rule: string,
    /** A sentence that says what is wrong, and what to write where that is known. */
    message: string,
    /** The entry to write in its place, where it can be told. */
    readonly instead?: string,
  ) {
    super(message);
  }
}

/** The pattern of a web origin as browsers serialise it, without IPv6 addresses. */
export const WEB_ORIGIN = /^https?:\/\/[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[0-9]{1,5})?$/;
/** The longest entry, and the longest origin worth remembering, in characters. A host name has at most 253. */
export const MAX_ORIGIN_LENGTH = 300;
/** The host and port of an app's origin, which browsers do not normalise (URL Standard, opaque hosts). */
const APP_HOST = /^[\w-]+(?:\.[\w-]+)*(?::[0-9]{1,5})?$/;
/** Schemes of the network and of documents: no page has an origin with one of them. */
const NO_PAGE_SCHEMES: ReadonlySet<string> = new Set(
  'about blob data file filesystem ftp ftps javascript mailto sftp ssh view-source ws wss'.split(' '),
);

/**
 * Parses one entry of `allowedOrigins` and normalises it as browsers serialise origins (RFC 6454 §6.2): lower case, IDN
 * hosts in punycode, no default port.
 *
 * @throws {OriginPatternError} with the broken rule and a sentence
 */
export function parseOriginPattern(text: string): OriginPattern {
  const fail = failureOf(text);
  if (text.length > MAX_ORIGIN_LENGTH) {
    throw fail('max_length', `is longer than ${MAX_ORIGIN_LENGTH} characters`);
  }
  if (text === '*') {
    throw fail('every_website', 'would allow every website: name the origins, or use https://*.your-domain');
  }
  if (text === 'null') {
    throw fail('null', 'is what sandboxed and local pages send and can never be allowed');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: URL parsers drop some of them silently
  if (/[\s\u0000-\u001f\u007f]/.test(text)) {
    throw fail('white_space', 'contains white space or control characters: write one entry for each origin');
  }
  const [, scheme = '', rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (rest === undefined) throw fail('scheme', 'does not start with https:// or http://', `https://${text}`);
  const isWeb = /^https?$/i.test(scheme);
  if (!isWeb) requireAppScheme(scheme, fail);
  requireNoMore(rest, scheme, fail);
  return isWeb ? parseWeb(scheme, rest, fail) : parseApp(scheme, rest, fail);
}

type Fail = (rule: string, why: string, instead?: string) => OriginPatternError;

/** Makes the errors of one entry. A suggestion is only made when it is a good entry itself. */
function failureOf(text: string): Fail {
  const shown = JSON.stringify(text.length > MAX_ORIGIN_LENGTH ? `${text.slice(0, 60)}…` : text);
  return (rule, why, instead) => {
    const good = instead === undefined ? undefined : normalFormOf(instead);
    const hint = good === undefined ? '' : `: write ${good}`;
    return new OriginPatternError(`allowed_origins.${rule}`, `${shown} ${why}${hint}`, good);
  };
}

/** The normal form of a suggestion, or of what it should be in turn. */
function normalFormOf(text: string): string | undefined {
  try {
    return parseOriginPattern(text).text;
  } catch (error) {
    return error instanceof OriginPatternError ? error.instead : undefined;
  }
}

function requireAppScheme(scheme: string, fail: Fail): void {
  const hint = nearest(scheme, ['https', 'http']);
  if (!NO_PAGE_SCHEMES.has(scheme.toLowerCase()) && hint === '') return;
  throw fail('scheme', `does not start with https:// or http:// or the scheme of an app${hint}`);
}

/** Checks that nothing comes after host and port, and nothing before them. */
function requireNoMore(rest: string, scheme: string, fail: Fail): void {
  const [host = ''] = /^[^/?#\\]*/.exec(rest) ?? [];
  if (host === '') throw fail('host', 'has no host');
  const instead = `${scheme}://${host.slice(host.lastIndexOf('@') + 1)}`;
  if (rest === `${host}/`) throw fail('path', 'ends in a slash: leave the slash out', instead);
  if (rest !== host) {
    throw fail('path', 'has more than scheme, host and port: leave out path, query and fragment', instead);
  }
  if (rest.includes('@')) {
    throw fail('credentials', 'has a user name: leave out everything up to the @', instead);
  }
  if (rest.includes('%')) throw fail('percent', 'has a percent sign in its host');
}

/**
 * Parses the origin of an app's web view. It is compared as it is: there are no wildcards, because the part after the
 * scheme has no meaning that they could follow.
 */
function parseApp(scheme: string, rest: string, fail: Fail): OriginPattern {
  if (rest.includes('*')) {
    throw fail('app_wildcard', 'has a wildcard and the scheme of an app: list each of its origins');
  }
  if (!APP_HOST.test(rest)) throw fail('host', 'has no valid host and port');
  return { kind: 'exact', text: `${scheme.toLowerCase()}://${rest}` };
}

function parseWeb(scheme: string, rest: string, fail: Fail): OriginPattern {
  const isAnyPort = rest.endsWith(':*');
  const isSubdomains = rest.startsWith('*.');
  const host = rest.slice(isSubdomains ? 2 : 0, isAnyPort ? -2 : undefined);
  const stars = rest.split('*').length - 1;
  if (stars > 1) throw fail('two_wildcards', 'has two wildcards');
  if (host.endsWith(':'))
    throw fail('port', 'has a colon without a port', `${scheme}://${rest.slice(0, -1)}`);
  if (/\.(?::|$)/.test(host)) {
    throw fail(
      'trailing_dot',
      'has a host that ends in a dot',
      `${scheme}://${rest.replace(/\.+(?=:|$)/, '')}`,
    );
  }
  if (host.includes('*')) return parseLabel(scheme, host, fail);

  const url = parseWebUrl(`${scheme}://${host}`, fail);
  if (isAnyPort) {
    if (url.port !== '' || !isLoopback(url.hostname)) {
      const only = 'has a wildcard port, which only localhost and loopback addresses may have';
      throw fail('wildcard_port', only);
    }
    return { kind: 'anyPort', text: `${url.origin}:*`, origin: url.origin };
  }
  if (!isSubdomains) return { kind: 'exact', text: url.origin };
  requireSubdomainsOf(url.hostname, fail);
  const prefix = `${url.protocol}//`;
  return { kind: 'subdomains', text: `${prefix}*.${url.host}`, prefix, suffix: `.${url.host}` };
}

/** A label with exactly one wildcard and a fixed part, as the previews of hosting platforms are named. */
const PREVIEW_LABEL = /^([a-z0-9-]*)\*([a-z0-9-]*)$/i;

function parseLabel(scheme: string, host: string, fail: Fail): OriginPattern {
  const dot = host.indexOf('.');
  const [, before, after] = PREVIEW_LABEL.exec(host.slice(0, Math.max(dot, 0))) ?? [];
  if (dot < 0 || before === undefined || after === undefined || !/[a-z0-9]/i.test(before + after)) {
    throw fail(
      'wildcard_place',
      'has a * where none may stand: it can be all of the subdomain, as in https://*.acme.com, or a part of the ' +
        'first label beside letters and digits, as in https://shop-*.acme.com',
    );
  }
  // The wildcard is parsed as a letter, so that the label cannot become a part of an address.
  const url = parseWebUrl(`${scheme}://${before}x${after}${host.slice(dot)}`, fail);
  const parent = url.hostname.slice(url.hostname.indexOf('.') + 1);
  const { domain, isIp, isPrivate } = parseDomain(parent, { allowPrivateDomains: true });
  if (isIp) throw fail('wildcard_address', 'has a wildcard before an address: addresses have no subdomains');
  // On a hosting platform (a private suffix) the fixed part is what tells one customer from another.
  if (domain === null && isPrivate !== true) throw overSuffix(parent, fail);
  const prefix = `${url.protocol}//${before.toLowerCase()}`;
  const tail = `${after.toLowerCase()}${url.host.slice(url.host.indexOf('.'))}`;
  return { kind: 'label', text: `${prefix}*${tail}`, prefix, suffix: tail };
}

/** Refuses a wildcard over a public suffix: it would allow the website of everybody who registers a name under it. */
function requireSubdomainsOf(hostname: string, fail: Fail): void {
  const { domain, isIp } = parseDomain(hostname, { allowPrivateDomains: true });
  if (isIp) throw fail('wildcard_address', 'has a wildcard before an address: addresses have no subdomains');
  if (domain === null) throw overSuffix(hostname, fail);
}

function overSuffix(suffix: string, fail: Fail): OriginPatternError {
  const why = `is a wildcard over the public suffix ${suffix}, where anybody can have a name: name your own domain`;
  return fail('public_suffix', why);
}

function parseWebUrl(text: string, fail: Fail): URL {
  const url = parseUrl(text);
  if (!url || !(WEB_ORIGIN.test(url.origin) || url.hostname.startsWith('['))) {
    throw fail('host', 'has no valid host and port');
  }
  return url;
}

/** Parses a stored entry. @returns undefined when it is not valid, such as a domain that became a public suffix */
export function parseStored(text: string): OriginPattern | undefined {
  try {
    return parseOriginPattern(text);
  } catch {
    return undefined;
  }
}

/** Parses a URL. @returns undefined when it is none */
export function parseUrl(text: string): URL | undefined {
  // URL.canParse avoids the stack trace of a thrown error; URL.parse does not exist in Node 20.
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Whether a host name is this machine's. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}
