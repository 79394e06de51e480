import { parse as parseDomain } from 'tldts';
import { editDistance } from '../yaml/nearest.js';
import { isLoopback, parseStored, parseUrl } from './origins.js';

/** How an origin differs from the pattern that comes nearest to it. */
export type OriginDifference =
  | 'scheme_differs'
  | 'port_differs'
  | 'bare_domain'
  | 'www_differs'
  | 'preview_differs'
  | 'loopback_differs'
  | 'subdomain_differs'
  | 'spelling_differs';

/** The pattern that comes nearest to an origin, and how they differ. */
export interface NearestPattern {
  readonly text: string;
  readonly difference: OriginDifference;
  /** A clause about the pattern, such as `has the port 8443`. */
  readonly says: string;
}

/** The costs by which the nearest pattern is chosen: a host that only needs another port is nearer than a sibling. */
const COSTS = {
  same: 0,
  bare_domain: 2,
  www_differs: 2,
  preview_differs: 3,
  loopback_differs: 3,
  subdomain_differs: 4,
  spelling_differs: 5,
} as const;
type HostRelation = keyof typeof COSTS;
/** What a clause says when the hosts differ. */
const HOST_SAYS = {
  bare_domain: 'allows its subdomains and not the bare domain',
  www_differs: 'differs by a leading www',
  preview_differs: 'allows other names in the first label',
  loopback_differs: 'names this machine in another way',
  subdomain_differs: 'is another name under the same domain',
  spelling_differs: 'is spelt nearly the same',
} as const satisfies Record<Exclude<HostRelation, 'same'>, string>;

/** Finds the pattern that comes nearest to a well-formed origin that none allows; undefined when none is near. */
export function nearestPattern(patterns: readonly string[], origin: string): NearestPattern | undefined {
  const seen = placeOf(origin);
  if (!seen) return undefined;
  let best: { readonly found: NearestPattern; readonly cost: number } | undefined;
  for (const text of patterns) {
    const place = placeOf(text);
    const relation = place && relationOf(place, seen);
    if (!place || !relation) continue;
    const isSchemeSame = place.scheme === seen.scheme;
    // The default port follows the scheme, so it differs only where one of them names a port.
    const isPortSame = place.port === seen.port || place.port === '*';
    const cost = COSTS[relation] + (isSchemeSame ? 0 : 1) + (isPortSame ? 0 : 1);
    if (cost >= (best?.cost ?? Number.POSITIVE_INFINITY)) continue;
    const says = [
      ...(isSchemeSame ? [] : [`has the scheme ${place.scheme}`]),
      ...(isPortSame ? [] : [place.port === '' ? 'has no port' : `has the port ${place.port}`]),
      ...(relation === 'same' ? [] : [HOST_SAYS[relation]]),
    ].join(' and ');
    const difference =
      relation !== 'same' ? relation : isSchemeSame ? ('port_differs' as const) : ('scheme_differs' as const);
    best = { found: { text, difference, says }, cost };
  }
  return best?.found;
}

interface Place {
  readonly scheme: string;
  /** The host after a wildcard: `acme.com` of `*.acme.com`. */
  readonly host: string;
  /** Empty for the default port; `*` for any. */
  readonly port: string;
  readonly wildcard?: 'subdomains' | RegExp;
}

const PARTS = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:]*)(?::(\*|[0-9]+))?$/;

/** Takes a pattern, or an origin, apart. */
function placeOf(text: string): Place | undefined {
  const pattern = parseStored(text);
  const [, scheme, host, port = ''] = PARTS.exec(pattern?.text ?? '') ?? [];
  if (!pattern || scheme === undefined || host === undefined) return undefined;
  if (pattern.kind === 'subdomains') return { scheme, host: host.slice(2), port, wildcard: 'subdomains' };
  if (pattern.kind !== 'label') return { scheme, host, port };
  const [before = '', after = ''] = host.split('.', 1)[0]?.split('*') ?? [];
  // Both parts hold only letters, digits and hyphens: nothing that a regular expression reads otherwise.
  const wildcard = new RegExp(`^${before}[a-z0-9-]+${after}$`);
  return { scheme, host: host.slice(host.indexOf('.') + 1), port, wildcard };
}

/** How the host of an origin relates to that of a pattern; undefined when they have nothing in common. */
function relationOf({ host, wildcard }: Place, seen: Place): HostRelation | undefined {
  if (wildcard === undefined && host === seen.host) return 'same';
  if (wildcard === 'subdomains') {
    if (seen.host === host) return 'bare_domain';
    if (seen.host.endsWith(`.${host}`)) return 'same';
  } else if (wildcard && seen.host.endsWith(`.${host}`)) {
    const label = seen.host.slice(0, -host.length - 1);
    return wildcard.test(label) ? 'same' : 'preview_differs';
  }
  if (seen.host === `www.${host}` || host === `www.${seen.host}`) return 'www_differs';
  if (isLoopback(host) && isLoopback(seen.host)) return 'loopback_differs';
  const domain = registrableDomain(seen.host);
  if (domain !== undefined && domain === registrableDomain(host)) return 'subdomain_differs';
  const isComparable = host.length >= MIN_HOST && Math.abs(host.length - seen.host.length) <= 2;
  const isNearlySame = isComparable && editDistance(start(host), start(seen.host)) <= 2;
  return isNearlySame ? 'spelling_differs' : undefined;
}

/** Two letters make another word of a shorter host. */
const MIN_HOST = 8;
/** Longer hosts are compared by their beginnings, because the edit distance costs the product of both lengths. */
const start = (host: string) => host.slice(0, 64);

function registrableDomain(host: string): string | undefined {
  return parseDomain(host, { allowPrivateDomains: true }).domain ?? undefined;
}

/** The pattern that would allow an origin: any port of a loopback address, else only this origin. */
export function proposedPattern(origin: string): string {
  const pattern = parseStored(origin);
  if (pattern?.kind !== 'exact') return '';
  const url = parseUrl(pattern.text);
  const isDevelopment = url !== undefined && /^https?:$/.test(url.protocol) && isLoopback(url.hostname);
  return isDevelopment ? `${url.protocol}//${url.hostname}:*` : pattern.text;
}
