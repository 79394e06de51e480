import type { EraseCustomerResponse } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { count } from '../command/options.js';
import { definePart } from '../command/part.js';
import { openRequest } from '../requests/defaults.js';
import { DEMO_TENANT, VISIT } from '../requests/demo.js';
import { answered, engineClient } from '../requests/engine-client.js';
import { embeddedDatabases, withPlace, withService } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';

const CUSTOMER = 'u-42';
/** How many opens are in flight while the database is filled. */
const WIDTH = 200;
const SAMPLE_MS = 50;

/** Measures how long EraseCustomer takes for a customer with very many conversations, and how much memory. */
export const eraseCustomer = definePart({
  name: 'erase-customer',
  summary: 'EraseCustomer of very many conversations: time and memory',
  about: `
Opens the sessions of one customer on a service with the embedded server, starts the service again, and calls
EraseCustomer until it is complete. Prints the time, the calls, and the memory that the process has for itself.`,
  options: { conversations: count('conversations of the customer', 100_000) },
  run: ({ conversations }) =>
    withPlace(embeddedDatabases, async (place) => {
      await withService(place, (service) => openAll(service, conversations));
      // A new process, so that the memory of filling is not counted.
      return withService(place, (service) => erase(service, conversations));
    }),
});

async function erase(service: ServerProcess, count: number): Promise<number> {
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
  return erased === count ? 0 : 1;
}

/** Opens so many sessions of the customer. */
async function openAll(service: ServerProcess, count: number): Promise<void> {
  const client = engineClient(service);
  const began = performance.now();
  let opened = 0;
  const open = async () => {
    while (opened < count) {
      const variables = { cart_total: opened++, page: 'checkout' };
      await answered((callback) =>
        client.openSession(openRequest({ ...VISIT, customerId: CUSTOMER, variables }), callback),
      );
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, open));
  client.close();
  console.log(`filled: ${count} conversations in ${seconds(began)} s`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}
