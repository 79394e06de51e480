import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { suite } from '@chatsessions/test-harness';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { CatalogClient, type ExplainOpenResponse } from '../src/gen/ts-proto/chatsessions/v1/catalog.js';
import { startTestApp, type TestApp } from './harness/app.js';
import { repoFile } from './harness/repo-file.js';

const test = suite('docs: what is shown of ExplainOpen and of refused opens is what is printed');
const DEMO_KEY = 'pk_live_de300000000000000000000000000001';
let service: TestApp;
test.before(async () => {
  service = await startTestApp({ env: { SEED_FILE: 'src/app/demo-tenant.yaml', LOG_LEVEL: 'info' } });
});
test.after(() => service.close());

type Members = Readonly<Record<string, unknown>>;
const ID = /^[0-9a-f-]{36}$/;
/** What differs from run to run. */
const CHANGING: Readonly<Record<string, RegExp>> = {
  time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
  requestId: ID,
  widgetKeyId: ID,
  ms: /^\d+$/,
};

for (const [path, origin] of [
  ['README.md', 'https://localhost:3000'],
  ['docs/catalog.md', 'https://shop.lakeside.example'],
] as const) {
  const [logged] = blocksAfter(path, '<!-- logged -->');
  const [explained] = blocksAfter(path, '<!-- explained -->');

  test(`${path}: the log line`, async () => {
    await fetch(`${service.httpUrl}/api/public/v1/chat/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify({ publicKey: DEMO_KEY }),
    });
    const line: Members = JSON.parse(service.logged().at(-1) ?? '');
    const shown: Members = JSON.parse(logged ?? '');
    for (const [name, value] of Object.entries(shown)) {
      const changing = CHANGING[name];
      if (changing) assert.match(String(line[name]), changing);
      else assert.equal(line[name], value, name);
    }
  });

  test(`${path}: the decisions`, async () => {
    const { decisions, intents, quickQuestions } = await explain(origin);
    const printed: readonly object[] = [...decisions, ...intents, ...quickQuestions];
    const shown: readonly Members[] = JSON.parse(explained ?? '');
    assert.ok(shown.length > 0);
    for (const part of shown) {
      const same = printed.some((one) => isDeepStrictEqual({ ...one, ...part }, { ...one }));
      assert.ok(same, JSON.stringify(part));
    }
  });
}

function explain(origin: string): Promise<ExplainOpenResponse> {
  const client = new CatalogClient(service.grpcTarget, credentials.createInsecure());
  const request = { publicKey: DEMO_KEY, origin, customerId: '', customerToken: '', locale: '' };
  return new Promise<ExplainOpenResponse>((resolve, reject) => {
    client.explainOpen(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  }).finally(() => client.close());
}

/** The `json` blocks that stand after a marker. */
function blocksAfter(path: string, marker: string): string[] {
  const text = readFileSync(repoFile(path), 'utf8');
  return text
    .split(marker)
    .slice(1)
    .map((rest) => /^\n```json\n([\s\S]*?)\n```/.exec(rest)?.[1] ?? '');
}
