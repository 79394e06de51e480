import { createHmac } from 'node:crypto';
import { TEST_SECRET } from '../harness/app.js';
import type { Forgery } from './case.js';

type Claims = Record<string, unknown>;

/** A token that differs from an open session's: see case.ts. */
export function forge(token: string, { header = {}, claims = {}, shift = {}, signature }: Forgery): string {
  const [oldHeader = '', oldPayload = '', oldSignature = ''] = token.split('.');
  const payload = replaced(decoded(oldPayload), claims);
  for (const [name, seconds] of Object.entries(shift)) payload[name] = Number(payload[name]) + seconds;
  const signed = `${encoded(replaced(decoded(oldHeader), header))}.${encoded(payload)}`;
  if (signature === 'none') return `${signed}.`;
  if (signature === 'keep') return `${signed}.${oldSignature}`;
  const secret = signature ?? TEST_SECRET;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function replaced(members: Claims, others: Readonly<Claims>): Claims {
  const all = Object.entries({ ...members, ...others });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

function decoded(part: string): Claims {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

function encoded(part: Claims): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
