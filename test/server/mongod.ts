import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { MongoClient } from 'mongodb';

/** How long a new replica set may take to have a primary, in ms. */
const PRIMARY_MS = 30_000;

/** Starts `mongod` as a replica set of one node, with its data in `folder`. */
export async function startMongod(folder: string): Promise<{ uri: string; stop(): Promise<void> }> {
  const port = await freePort();
  const args = ['--replSet', 'rs0', '--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1'];
  const child = spawn('mongod', [...args, '--quiet'], { stdio: 'ignore' });
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: PRIMARY_MS });
  try {
    const admin = client.db('admin');
    await admin.command({
      replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: `127.0.0.1:${port}` }] },
    });
    for (let waited = 0; waited < PRIMARY_MS; waited += 100) {
      const { isWritablePrimary } = await admin.command({ hello: 1 });
      if (isWritablePrimary) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    await client.close();
  }
  return {
    uri,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** A port that was free a moment ago; `mongod` takes no port 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
