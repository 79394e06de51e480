/**
 * A process that opens the data file that a power cut left: a broken file may crash it, and must not crash the test. It is
 * sent the path of a file and answers what it found in it.
 */
import { stat } from 'node:fs/promises';
import { MongoClient } from 'mongodb';
import { startSocketServer } from '../../src/process/socket-server.js';
import { checkDataFile } from '../../src/storage/data-file.js';

/** The version of each stored document by its id; or why the file cannot be read. */
export type Found =
  | { readonly kind: 'found'; readonly versions: readonly (readonly [id: number, version: number])[] }
  | { readonly kind: 'broken'; readonly message: string };

process.once('disconnect', () => process.exit());
process.on('message', async (file: string) => {
  let found: Found;
  try {
    found = { kind: 'found', versions: await read(file) };
  } catch (error) {
    found = { kind: 'broken', message: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(found);
});

async function read(file: string): Promise<(readonly [number, number])[]> {
  // The check must not refuse what LMDB can read.
  if ((await stat(file)).size > 0) checkDataFile(file);
  const server = await startSocketServer(
    {
      file,
      socketPath: `${file}.sock`,
      ttlSweepMs: 600_000,
      stallMs: 30_000,
      cursorTimeoutMs: 60_000,
    },
    (error) => {
      throw error;
    },
  );
  const client = new MongoClient(`mongodb://${encodeURIComponent(`${file}.sock`)}/?directConnection=true`);
  try {
    const collection = client.db('cut').collection<{ _id: number; v: number }>('rows');
    const options = { projection: { v: 1 }, batchSize: 10_000 };
    const rows = await collection.find({}, options).toArray();
    const byIndex = await collection.find({ v: { $gte: 0 } }, options).toArray();
    if (byIndex.length !== rows.length)
      throw new Error(`${rows.length} rows, and ${byIndex.length} by the index`);
    await collection.insertOne({ _id: -1, v: 0 });
    return rows.map(({ _id, v }) => [_id, v]);
  } finally {
    await client.close();
    await server.close();
  }
}
