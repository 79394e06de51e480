import { v7 as uuidV7 } from 'uuid';
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/mongo/database.js';
import { mongoConversations } from '../../src/mongo/mongo-conversations.js';
import { newConversation } from './rows.js';
import { contractSuite } from './server.js';

const test = await contractSuite('erasing a customer', { recordsStores: true });

test(
  'batch by batch, all of a customer, and nobody else',
  async ({ db, uri }) => {
    const database = await openDatabase(uri, db.databaseName);
    try {
      const conversations = mongoConversations(database, Date.now);
      const [tenantId, otherTenantId] = [uuidV7(), uuidV7()];
      const customer = { tenantId, customerId: 'u-42' };
      // Of so many, a batch whose rows are found by a walk through all of the customer's would take minutes.
      const theirs = Array.from({ length: 5_500 }, () => newConversation(customer));
      const others = [
        newConversation({ tenantId, customerId: 'u-43' }),
        newConversation({ tenantId }),
        newConversation({ tenantId: otherTenantId, customerId: 'u-42' }),
      ];
      await Promise.all([...theirs, ...others].map((one) => conversations.insert(one)));

      const batches: (readonly [number, boolean])[] = [];
      let complete = false;
      while (!complete) {
        const batch = await conversations.erase(tenantId, 'u-42', 1_000, Date.now());
        complete = batch.complete;
        batches.push([batch.erased, complete]);
      }
      assert.equal(batches, [...Array.from({ length: 5 }, () => [1_000, false]), [500, true]]);
      assert.equal(await conversations.erase(tenantId, 'u-42', 1_000, Date.now()), {
        erased: 0,
        complete: true,
      });
      assert.equal(await conversations.list({ ...customer, verifiedOnly: false, limit: 10 }), []);
      assert.equal((await conversations.findAll(others.map(({ id }) => id))).length, others.length);
    } finally {
      await database.close();
    }
  },
  { timeoutMs: 60_000 },
);
