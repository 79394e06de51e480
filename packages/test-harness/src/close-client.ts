import type { MongoClient } from 'mongodb';

/** How long a client may take to close by itself, in ms. */
const PATIENCE_MS = 2_000;

/**
 * Closes a client of a server that may be dead.
 *
 * The driver (mongodb 7.9.0, Connection.writeCommand) tells the server that its sessions end, and when the server's end
 * of the connection has just closed it waits for good for a `drain` that no closed socket emits. Its own way out is
 * then to close the topology, which `close()` would have done next.
 */
export async function closeClient(client: MongoClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE_MS);
  });
  const closing = client.close();
  const end = await Promise.race([closing, patience]);
  clearTimeout(timer);
  if (end !== 'late') return;
  closing.catch(() => {});
  const topology: unknown = Reflect.get(client, 'topology');
  const isOpen = typeof topology === 'object' && topology !== null && 'close' in topology;
  if (isOpen && typeof topology.close === 'function') topology.close();
}
