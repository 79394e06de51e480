// Copies the service's collections from one server to another, in batches: from the embedded server's socket to a
// MongoDB, say. It may be run again, and while both serve: what is there already is left as it is, unless the source has
// a later revision of it.
//
//   node scripts/copy-database.js 'mongodb://%2Fpath%2Fdata%2Fembedded%2Fmongodb.sock/?directConnection=true' \
//     'mongodb://127.0.0.1:27017/?replicaSet=rs0' [database, chatsessions unless given]
import { MongoClient } from 'mongodb';

const [from, to, name = 'chatsessions'] = process.argv.slice(2);
if (!from || !to) {
  console.error('usage: node scripts/copy-database.js FROM_URI TO_URI [DATABASE]');
  process.exit(2);
}

const BATCH = 1_000;
const DUPLICATE_KEY = 11000;
const source = new MongoClient(from);
const target = new MongoClient(to, { writeConcern: { w: 'majority' } });

/** Inserts documents; of those that are there already the older ones are replaced. Returns how many were written. */
async function insertNewer(collection, documents) {
  try {
    return (await collection.insertMany(documents, { ordered: false })).insertedCount;
  } catch (error) {
    const failures = [error.writeErrors ?? []].flat();
    if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
    const inserted = documents.length - failures.length;
    // Conversations and tenants count their changes, identity secrets their generations. Widget keys count nothing: the
    // source has the say. Entries of the audit never change.
    const replacements = failures.flatMap(({ index }) => {
      const { _id, ...fields } = documents[index];
      const counter = ['revision', 'generation'].find((name) => name in fields);
      const isOlder = counter === undefined ? {} : { [counter]: { $lt: fields[counter] } };
      return [{ replaceOne: { filter: { _id, ...isOlder }, replacement: fields } }];
    });
    if (replacements.length === 0) return inserted;
    return inserted + (await collection.bulkWrite(replacements, { ordered: false })).modifiedCount;
  }
}

try {
  // Secrets before their keys and keys before their tenants: a key whose tenant is not there yet opens nothing.
  for (const collection of [
    'conversations',
    'audit',
    'origin_reports',
    'identity_secrets',
    'widget_keys',
    'tenants',
  ]) {
    let read = 0;
    let written = 0;
    let batch = [];
    const flush = async () => {
      if (batch.length === 0) return;
      written += await insertNewer(target.db(name).collection(collection), batch);
      batch = [];
      process.stderr.write(`${collection}: ${read} read, ${written} written\r`);
    };
    for await (const document of source.db(name).collection(collection).find({}, { batchSize: BATCH })) {
      read++;
      if (batch.push(document) === BATCH) await flush();
    }
    await flush();
    console.log(`${collection}: ${read} read, ${written} written, ${read - written} there already`);
  }
} catch (error) {
  console.error(`not all is copied: ${error.message}`);
  process.exitCode = 1;
} finally {
  await source.close();
  await target.close();
}
