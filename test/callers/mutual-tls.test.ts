import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, tempDir } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { hashOfToken } from '../../src/callers/engine-token.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import {
  type Authority,
  type Certificate,
  makeAuthority,
  whyNoCertificates,
} from '../harness/certificates.js';
import { type EngineAnswer, engineClient } from './engine-client.js';

const test = suite('engine callers by certificate');

const ACME_KEY = 'pk_live_00000000000000000000000000000001';
const TOKEN = 'cse_token-of-the-reader';

const CALLERS = [
  {
    name: 'flow-engine',
    certificateSubject: { CN: 'flow-engine', O: 'Acme', OU: ['Chat', 'Flows'] },
    tenants: ['acme'],
    scopes: ['open', 'verify'],
  },
  { name: 'groesse', certificateSubject: { CN: 'Größe, Ltd' }, tenants: ['globex'], scopes: ['open'] },
  { name: 'reader', tokenHashes: [hashOfToken(TOKEN)], tenants: 'all', scopes: ['read'] },
];

/** Of a client: its certificate, its metadata, and what it is answered when it opens a session of acme. */
const CLIENTS: readonly (readonly [
  name: string,
  subject: string,
  metadata: Readonly<Record<string, string>>,
  outcome: string,
  caller: string | undefined,
])[] = [
  ['the subject of a caller', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine', {}, 'OK', 'flow-engine'],
  [
    'the same attributes in another order',
    '/CN=flow-engine/OU=Chat/OU=Flows/O=Acme',
    {},
    'OK',
    'flow-engine',
  ],
  ['a subject that is not ASCII, of another tenant', '/CN=Größe, Ltd', {}, 'permission_denied', 'groesse'],
  ['the common name alone', '/CN=flow-engine', {}, 'unauthenticated', undefined],
  ['an attribute more', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine/L=Ghent', {}, 'unauthenticated', undefined],
  ['a value more', '/O=Acme/OU=Chat/OU=Flows/OU=X/CN=flow-engine', {}, 'unauthenticated', undefined],
  ['two values as one', '/O=Acme/OU=Chat, OU=Flows/CN=flow-engine', {}, 'unauthenticated', undefined],
  ['all attributes in one', '/CN=flow-engine, O=Acme, OU=Chat, OU=Flows', {}, 'unauthenticated', undefined],
  ['a subject that nobody has', '/CN=stranger', {}, 'unauthenticated', undefined],
  [
    'a subject that nobody has, with a good token',
    '/CN=stranger',
    { authorization: `Bearer ${TOKEN}` },
    'permission_denied',
    'reader',
  ],
  [
    'the subject of a caller, with the token of another',
    '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine',
    { authorization: `Bearer ${TOKEN}` },
    'permission_denied',
    'reader',
  ],
  [
    'the subject of a caller, with a bad token',
    '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine',
    { authorization: 'Bearer cse_no-token-of-anybody' },
    'unauthenticated',
    undefined,
  ],
];

const reason = whyNoCertificates();
if (reason !== undefined) test.skip('mutual TLS', reason);
else declareTests();

function declareTests(): void {
  let service: TestApp;
  let ours: Authority;
  let theirs: Authority;
  let tls: Record<string, string>;
  let issued = 0;

  test.before(async () => {
    const folder = await tempDir();
    ours = makeAuthority(folder);
    theirs = makeAuthority(folder, 'other-ca');
    const server = ours.issue('server', '/CN=chatsessions');
    const file = join(folder, 'callers.yaml');
    await writeFile(file, stringify({ callers: CALLERS }));
    tls = { GRPC_TLS_CERT: server.certFile, GRPC_TLS_KEY: server.keyFile };
    service = await startTestApp({
      env: { ...tls, GRPC_TLS_CLIENT_CA: ours.certFile, ENGINE_CALLERS_FILE: file },
    });
  });
  test.after(() => service.close());

  async function open(
    shown: Certificate | undefined,
    metadata: Readonly<Record<string, string>> = {},
    { grpcTarget } = service,
  ): Promise<EngineAnswer> {
    const channel = credentials.createSsl(ours.cert, shown?.key ?? null, shown?.cert ?? null);
    const client = engineClient(grpcTarget, channel);
    try {
      return await client.call('OpenSession', { publicKey: ACME_KEY }, metadata);
    } finally {
      client.close();
    }
  }

  for (const [name, subject, metadata, outcome, caller] of CLIENTS) {
    test(name, async () => {
      const answer = await open(ours.issue(`client-${++issued}`, subject), metadata);
      assert.is(answer.reason ?? answer.code, outcome, answer.message);
      const line = JSON.parse(service.logged().at(-1) ?? '');
      assert.is(line.caller, caller);
    });
  }

  test('a connection goes on as the same caller, call after call', async () => {
    const { cert, key } = ours.issue('goes-on', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine');
    const client = engineClient(service.grpcTarget, credentials.createSsl(ours.cert, key, cert));
    const from = service.logged().length;
    for (let i = 0; i < 5; i++) await client.call('OpenSession', { publicKey: ACME_KEY });
    client.close();
    const names = service
      .logged()
      .slice(from)
      .map((line) => JSON.parse(line).caller);
    assert.equal(names, Array(5).fill('flow-engine'));
  });

  const OUTSIDERS: readonly (readonly [name: string, shown: () => Certificate | undefined])[] = [
    ['no certificate', () => undefined],
    [
      'the same subject, by another authority',
      () => theirs.issue('forged', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine'),
    ],
    ['a certificate that is over', () => ours.issue('over', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine', -1)],
  ];
  for (const [name, shown] of OUTSIDERS) {
    test(`${name}: no call gets through`, async () => {
      const from = service.logged().length;
      assert.is((await open(shown())).code, 'UNAVAILABLE');
      assert.is(service.logged().length, from);
    });
  }

  test('where no certificate is asked for, one that is shown is of no use', async () => {
    const plain = await startTestApp({ env: { ...tls, ENGINE_API_TOKENS: `boss:${TOKEN}` } });
    try {
      const shown = ours.issue('unasked', '/O=Acme/OU=Chat/OU=Flows/CN=flow-engine');
      assert.is((await open(shown, {}, plain)).reason, 'unauthenticated');
      assert.is((await open(shown, { authorization: `Bearer ${TOKEN}` }, plain)).code, 'OK');
    } finally {
      await plain.close();
    }
  });

  test('without known callers any certificate of the authority will do, as before', async () => {
    const behind = await startTestApp({ env: { ...tls, GRPC_TLS_CLIENT_CA: ours.certFile } });
    try {
      assert.is((await open(ours.issue('any', '/CN=stranger'), {}, behind)).code, 'OK');
      assert.is((await open(undefined, {}, behind)).code, 'UNAVAILABLE');
    } finally {
      await behind.close();
    }
  });
}
