import type { MongoClient } from 'mongodb';

/** How long a look at a server may take, in ms: the driver gives up each of its steps long before. */
const LOOK_MS = { polling: 8_000, streaming: 20_000 } as const;

/**
 * Connects anew when the driver has stopped to look at a server.
 *
 * Its monitor may ask over a connection that the server has just closed, and then waits for good for a `drain` that
 * no closed socket emits (mongodb 7.9.0, Connection.writeCommand): the server would stay unknown until a restart. Seen
 * in crash rounds, when the server is killed at the moment of a look.
 *
 * @returns ends the watch
 */
export function guardTopology(client: MongoClient): () => void {
  const looks = new Map<string, NodeJS.Timeout>();
  let isEnded = false;

  const done = ({ connectionId }: { readonly connectionId: string }) => {
    clearTimeout(looks.get(connectionId));
    looks.delete(connectionId);
  };
  const forget = () => {
    for (const timer of looks.values()) clearTimeout(timer);
    looks.clear();
  };
  const renew = async () => {
    forget();
    try {
      await client.close();
      if (!isEnded) await client.connect();
    } catch {
      // The next operation connects, or fails as unavailable.
    }
  };

  client.on('serverHeartbeatStarted', (event) => {
    done(event);
    if (isEnded) return;
    const timer = setTimeout(() => void renew(), event.awaited ? LOOK_MS.streaming : LOOK_MS.polling);
    looks.set(event.connectionId, timer.unref());
  });
  client.on('serverHeartbeatSucceeded', done);
  client.on('serverHeartbeatFailed', done);
  client.on('serverClosed', ({ address }) => done({ connectionId: address }));

  return () => {
    isEnded = true;
    forget();
  };
}
