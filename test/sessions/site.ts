import { createHmac } from 'node:crypto';
import { type Document, UUID } from 'mongodb';
import type { TestApp } from '../harness/app.js';
import { repoFile } from '../harness/repo-file.js';
import { type Answer, transports } from '../parity/transports.js';

/** A site that vouches for its customers, and whom the service takes them for. */

/** One of the transports. */
export type TransportName = keyof typeof transports;
/** What a widget key may say of identities. */
export type Mode = 'off' | 'optional' | 'required';

/** The keys of {@link SEED_FILE}. */
export const PUBLIC_KEYS: Readonly<Record<Mode, string>> = {
  off: `pk_live_${'a1'.padStart(32, '0')}`,
  optional: `pk_live_${'a2'.padStart(32, '0')}`,
  required: `pk_live_${'a3'.padStart(32, '0')}`,
};
/** A tenant with a key of each mode. */
export const SEED_FILE = repoFile('test/cases/identity.seed.yaml');
/** The time that the tests stand at, in seconds since the epoch. */
export const NOW = 1_800_000_000;
/** In seconds. */
export const HOUR = 3_600;
/** Whom the site vouches for. */
export const CUSTOMER = 'customer-4711';

/** What a site knows of its widget key. */
export interface Site {
  /** The key's id. */
  readonly aud: string;
  readonly secret: string;
}

/** Any value as JSON in base64url. */
export const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT of any header and claims, signed with the secret's characters as they are. */
export function jws(claims: unknown, secret: string | Buffer, header: object = {}, hash = 'sha256'): string {
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

/** The claims of a good token, but for what is given. */
export const claimsOf = ({ aud }: Site, more: object = {}) => ({
  sub: CUSTOMER,
  aud,
  exp: NOW + HOUR,
  ...more,
});

/** A good token of a site, but for what is given. */
export const tokenOf = (site: Site, more: object = {}) => jws(claimsOf(site, more), site.secret);

/** What a service that made the secrets has shown its site. */
export function siteOf({ app }: TestApp, mode: Mode): Site {
  const key = app.applied[0]?.keys.find(({ publicKey }) => publicKey === PUBLIC_KEYS[mode]);
  return { aud: key?.id ?? '', secret: key?.identitySecret ?? '' };
}

/** Opens a session from the site's page. */
export async function open(
  service: TestApp,
  transport: TransportName,
  request: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const step = { request, headers, origin: 'https://acme.com', chat: {}, engine: { code: 'OK' } };
  const send = transports[transport](service, step);
  if (!send) throw new Error(`${transport} cannot carry this`);
  return send();
}

/** The conversation id of an answer. @throws Error when it is a refusal */
export function idOf({ body, raw }: Answer): string {
  if (typeof body === 'object' && body !== null && 'conversationId' in body)
    return String(body.conversationId);
  throw new Error(`no session: ${raw}`);
}

/** Whom an open is stored for: `id, verified`, or the code that it was refused with. */
export async function customer(service: TestApp, answer: Answer): Promise<string> {
  if (answer.reason !== undefined) return [answer.reason, ...(answer.violations ?? [])].join(' ');
  const row = await service.withDatabase((client, name) =>
    client
      .db(name)
      .collection<{ _id: UUID } & Document>('conversations')
      .findOne({ _id: new UUID(idOf(answer)) }),
  );
  return `${row?.['customerId'] ?? 'nobody'}, ${row?.['customerVerified'] === true ? 'verified' : 'not verified'}`;
}

/** All collections of a service's database, as the BSON that came from the server, byte by byte. */
export async function everything({ withDatabase }: TestApp): Promise<string> {
  const names = ['tenants', 'widget_keys', 'identity_secrets', 'origin_reports', 'conversations', 'audit'];
  return withDatabase(async (client, database) => {
    const collections = names.map(async (name) => {
      const rows = await client.db(database).collection(name).find({}, { raw: true }).toArray();
      return rows.map((row) => `${name} ${Buffer.from(row as unknown as Uint8Array).toString('latin1')}`);
    });
    return (await Promise.all(collections)).flat().join('\n');
  });
}
