import { suite } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { CatalogClient, type ExplainOpenResponse } from '../../src/gen/ts-proto/chatsessions/v1/catalog.js';
import { startTestApp, type TestApp } from '../harness/app.js';

const test = suite('ExplainOpen says what OpenSession does');
let service: TestApp;
let client: CatalogClient;
test.before(async () => {
  const sealing = Buffer.alloc(32, 1).toString('base64');
  service = await startTestApp({
    env: { SEED_FILE: 'test/cases/origins.seed.yaml', IDENTITY_ENCRYPTION_KEYS: `k1:${sealing}` },
  });
  client = new CatalogClient(service.grpcTarget, credentials.createInsecure());
});
test.after(async () => {
  client.close();
  await service.close();
});

const KEYS = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b9', 'ff'].map(
  (end) => `pk_live_${end.padStart(32, '0')}`,
);
const ORIGINS = [
  undefined,
  'null',
  '',
  'https://acme.com',
  'https://ACME.com',
  'https://acme.com/',
  'http://acme.com',
  'https://www.acme.com',
  'https://shop-1.acme-preview.app',
  'https://shop-.acme-preview.app',
  'https://x--acme.netlify.app',
  'http://localhost:5173',
  'capacitor://localhost',
  'https://globex.example',
  'https://évil.example',
];
const CUSTOMERS = [
  {},
  { customerId: 'u-42' },
  { customerId: 'x'.repeat(101) },
  { customerToken: 'a.b.c' },
  { locale: 'nonsense-' },
];

for (const publicKey of [...KEYS, 'pk_live_x']) {
  test(`the same code for ${publicKey}, whatever the origin and the customer`, async () => {
    for (const origin of ORIGINS) {
      for (const customer of CUSTOMERS) {
        const [opened, explained] = await Promise.all([
          open({ publicKey, ...customer }, origin),
          explain({ publicKey, ...customer, ...(origin !== undefined && { origin }) }),
        ]);
        const context = JSON.stringify({ origin, customer });
        assert.is(explained.code, opened.error ?? '', context);
        assert.is(explained.allowed, opened.error === undefined, context);
        if (opened.intents === undefined) continue;
        assert.equal(
          namesOf(explained.intents.filter(({ shown }) => shown)),
          namesOf(opened.intents),
          context,
        );
        assert.equal(
          explained.quickQuestions.map(({ intentName }) => intentName),
          opened.quickQuestions?.map(({ intentName }) => intentName ?? ''),
          context,
        );
      }
    }
  });
}

interface Opened {
  readonly error?: string;
  readonly intents?: readonly { readonly name: string }[];
  readonly quickQuestions?: readonly { readonly intentName: string | null }[];
}

async function open(request: object, origin: string | undefined): Promise<Opened> {
  const answer = await fetch(`${service.httpUrl}/api/public/v1/chat/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(origin !== undefined && { origin }) },
    body: JSON.stringify(request),
  });
  const body: Opened = JSON.parse(await answer.text());
  return body;
}

function explain(request: object): Promise<ExplainOpenResponse> {
  const full = { publicKey: '', customerId: '', customerToken: '', locale: '', ...request };
  return new Promise((resolve, reject) => {
    client.explainOpen(full, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function namesOf(intents: readonly { readonly name: string }[]): string[] {
  return intents.map(({ name }) => name).sort();
}
