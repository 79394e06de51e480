import { tempDir } from '@chatsessions/test-harness';
import { readConfig } from '../src/app/config.js';
import { start } from '../src/app/start.js';
import type { EraseCustomerResponse } from '../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { openDatabase } from '../src/mongo/database.js';
import { mongoCatalog } from '../src/mongo/mongo-catalog.js';
import { mongoConversations } from '../src/mongo/mongo-conversations.js';
import { createLog } from '../src/telemetry/log.js';
import { newConversation } from '../test/contract/rows.js';
import { DEMO_TENANT } from './demo.js';
import { answered, engineClient } from './engine-client.js';
import { count } from './options.js';
import { definePart } from './part.js';
import { startOurs } from './server-process.js';

const CUSTOMER = 'u-42';
/** How many inserts are under way at once. */
const WIDTH = 1_000;
const SAMPLE_MS = 50;

/** How long it takes to erase a customer with very many conversations, and what memory. */
export const eraseCustomer = definePart({
  name: 'erase-customer',
  summary: 'EraseCustomer of very many conversations: time and memory',
  about: `
Fills a database of the embedded server with the conversations of one customer, then calls EraseCustomer of a service in
a process of its own until it is complete. Prints the time, the calls, and the memory that the process has for itself.`,
  options: { conversations: count('conversations of the customer', 100_000) },
  run: ({ conversations }) => measure(conversations),
});

async function measure(count: number): Promise<number> {
  const dataDir = await tempDir();
  await fill(dataDir, count);

  const service = await startOurs({ dataDir });
  const client = engineClient(service);
  const before = service.memoryMiB();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, service.memoryMiB());
  }, SAMPLE_MS);

  const began = performance.now();
  const calls: string[] = [];
  let erased = 0;
  for (let complete = false; !complete; ) {
    const callBegan = performance.now();
    const answer = await answered<EraseCustomerResponse>((callback) =>
      client.eraseCustomer({ tenant: DEMO_TENANT, customerId: CUSTOMER }, callback),
    );
    erased += answer.erasedCount;
    complete = answer.complete;
    calls.push(`${answer.erasedCount} in ${seconds(callBegan)} s`);
  }
  console.log(
    `erased ${erased} of ${count} conversations in ${seconds(began)} s, ${calls.length} calls: ${calls.join(', ')}`,
  );
  clearInterval(sampling);
  const memory = [before, peak, service.memoryMiB()].map(Math.round);
  console.log(
    `memory of the service (RssAnon): ${memory[0]} MiB before, ${memory[1]} at most, ${memory[2]} after`,
  );
  client.close();
  await service.stop();
  return erased === count ? 0 : 1;
}

/** Makes the folder of a service with a customer of so many conversations. */
async function fill(dataDir: string, count: number): Promise<void> {
  const config = readConfig({ DATA_DIR: dataDir, HTTP_ADDR: '127.0.0.1:0', GRPC_ADDR: '127.0.0.1:0' });
  const app = await start(config, { log: createLog('warn') });
  const database = await openDatabase(app.databaseUri, config.MONGODB_DB);
  const tenant = await mongoCatalog(database).findTenantBySlug(DEMO_TENANT);
  if (tenant === undefined) throw new Error('the demo tenant is not there');
  const conversations = mongoConversations(database, Date.now);
  const began = performance.now();
  for (let done = 0; done < count; done += WIDTH) {
    await Promise.all(
      Array.from({ length: Math.min(WIDTH, count - done) }, (_, n) => {
        const at = Date.now() - (done + n) * 1_000;
        return conversations.insert(
          newConversation({
            tenantId: tenant.id,
            customerId: CUSTOMER,
            locale: 'en-GB',
            variables: { cart_total: n, page: 'checkout' },
            createdAt: at,
            updatedAt: at,
          }),
        );
      }),
    );
  }
  console.log(`filled: ${count} conversations in ${seconds(began)} s`);
  await database.close();
  await app.close();
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}
