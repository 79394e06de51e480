import type { MongoClient } from 'mongodb';

/** The timeout of a heartbeat of the driver's monitor, in ms: much longer than the driver's own timeouts of its steps. */
const HEARTBEAT_TIMEOUT_MS = { polling: 8_000, streaming: 20_000 } as const;

/**
 * Reconnects a client when a heartbeat of the driver's server monitor hangs.
 *
 * The monitor may write to a connection that the server has just closed. It then waits for ever for a `drain` event,
 * which a closed socket never emits (mongodb 7.9.0, Connection.writeCommand), and the server would stay unknown until a
 * restart. Crash tests have shown it when the server was killed during a heartbeat.
 *
 * @returns stops the guard
 */
export function guardTopology(client: MongoClient): () => void {
  const timers = new Map<string, NodeJS.Timeout>();
  let isEnded = false;

  const done = ({ connectionId }: { readonly connectionId: string }) => {
    clearTimeout(timers.get(connectionId));
    timers.delete(connectionId);
  };
  const clearAll = () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
  };
  const reconnect = async () => {
    clearAll();
    try {
      await client.close();
      if (!isEnded) await client.connect();
    } catch {
      // The next operation connects again, or fails as unavailable.
    }
  };

  client.on('serverHeartbeatStarted', (event) => {
    done(event);
    if (isEnded) return;
    const timeoutMs = event.awaited ? HEARTBEAT_TIMEOUT_MS.streaming : HEARTBEAT_TIMEOUT_MS.polling;
    const timer = setTimeout(() => void reconnect(), timeoutMs);
    timers.set(event.connectionId, timer.unref());
  });
  client.on('serverHeartbeatSucceeded', done);
  client.on('serverHeartbeatFailed', done);
  client.on('serverClosed', ({ address }) => done({ connectionId: address }));

  return () => {
    isEnded = true;
    clearAll();
  };
}
