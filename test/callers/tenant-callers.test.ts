import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { hashOfToken } from '../../src/callers/engine-token.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { type EngineClient, engineClient } from './engine-client.js';

/** Who may call the RPCs that are about tenants as a whole. */
const test = suite('callers of tenants');

const tokenOf = (name: string): string => `cse_token-of-${name}`;
const as = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });
const CALLERS = [
  { name: 'all', tenants: 'all', scopes: ['catalog', 'erase', 'read'] },
  { name: 'reader', tenants: 'all', scopes: ['read'] },
  { name: 'editor', tenants: 'all', scopes: ['catalog', 'read'] },
  { name: 'eraser', tenants: 'all', scopes: ['erase'] },
  { name: 'globex', tenants: ['globex', 'new', 'never-made'], scopes: ['catalog', 'erase', 'read'] },
].map((caller) => ({ tokenHashes: [hashOfToken(tokenOf(caller.name))], ...caller }));

let service: TestApp;
let client: EngineClient;
test.before(async () => {
  const file = join(await tempDir(), 'callers.yaml');
  await writeFile(file, stringify({ callers: CALLERS }));
  service = await startTestApp({ env: { ENGINE_CALLERS_FILE: file } });
  client = engineClient(service.grpcTarget);
});
test.after(async () => {
  client.close();
  await service.close();
});

const NOT_THEIRS = 'This caller may not work for this tenant.';
const needs = (scope: string): string => `This caller may not do this: it needs the scope ${scope}.`;

const acme = { definition: { slug: 'acme', name: 'Acme' } };
const REFUSED: readonly (readonly [rpc: string, caller: string, request: object, message: string])[] = [
  ['ApplyTenant', 'globex', acme, NOT_THEIRS],
  ['ApplyTenant', 'globex', { definition: { slug: 'no-such-tenant', name: 'N' } }, NOT_THEIRS],
  ['ApplyTenant', 'globex', { ...acme, validateOnly: true }, NOT_THEIRS],
  ['ApplyTenant', 'reader', acme, needs('catalog')],
  ['ApplyTenant', 'eraser', acme, needs('catalog')],
  ['DeleteTenant', 'globex', { tenant: 'acme' }, NOT_THEIRS],
  ['DeleteTenant', 'globex', { tenant: 'no-such-tenant' }, NOT_THEIRS],
  ['DeleteTenant', 'editor', { tenant: 'acme' }, needs('erase')],
  ['DeleteTenant', 'eraser', { tenant: 'acme' }, needs('catalog')],
  ['ListTenants', 'eraser', {}, needs('read')],
];
for (const [rpc, caller, request, message] of REFUSED) {
  test(`${rpc} ${JSON.stringify(request)}: refused to ${caller}`, async () => {
    const answer = await client.call(rpc, request, as(caller));
    assert.equal([answer.reason, answer.message], ['permission_denied', message]);
  });
}

async function slugs(caller: string, request: object = {}): Promise<readonly string[]> {
  const { response } = await client.call('ListTenants', request, as(caller));
  return (response['tenants'] as readonly { slug: string }[]).map(({ slug }) => slug);
}

test('a caller lists the tenants that it may work for, and that there are', async () => {
  assert.equal(await slugs('reader'), ['acme', 'globex']);
  assert.equal(await slugs('globex'), ['globex']);
});

test('a caller creates, lists page by page and deletes tenants of its own', async () => {
  const definition = { slug: 'new', name: 'New' };
  assert.is((await client.call('ApplyTenant', { definition }, as('globex'))).code, 'OK');
  assert.equal(await slugs('globex', { pageSize: 1 }), ['globex']);
  const { response } = await client.call('ListTenants', { pageSize: 1 }, as('globex'));
  assert.equal(await slugs('globex', { pageSize: 1, pageToken: response['nextPageToken'] }), ['new']);
  assert.is((await client.call('DeleteTenant', { tenant: 'new' }, as('globex'))).code, 'OK');
});

test('nobody who was refused has changed anything', async () => {
  const { response } = await client.call('ExportTenant', { tenant: 'acme' }, as('all'));
  assert.is(Object(response['definition']).flows.length, 4);
});
