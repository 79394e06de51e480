import type { Worker } from 'node:cluster';
import type { WorkerMessage } from './worker.js';

/** The workers that take connections, on all their ports. */
const listening = new Set<Worker>();

/**
 * Gives the connections that a worker was just being handed when it died to another one.
 *
 * The primary accepts connections, sends each to a worker, and lets go of it when that worker says that it has it. A
 * worker that is killed in between never says so, and node:cluster has no answer to that: it keeps the connection, and
 * the client waits in vain. Under load that is one connection of each port, each time. So here the primary is told in
 * the dead worker's name that it did not take them; with no other worker left they are closed.
 *
 * This speaks messages that node:cluster keeps to itself (`newconn` and `close`, in lib/internal/cluster); a test
 * notices when another version of Node has others.
 */
export function handBack(worker: Worker): void {
  const { process: child } = worker;
  const { send } = child;
  /** The numbers of the messages that hand a connection over and are not answered yet. */
  const unanswered = new Set<number>();
  let isDisconnected = false;

  const sendAndNote = (message: ClusterMessage, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn' && message.seq !== undefined) unanswered.add(message.seq);
    return Reflect.apply(send, child, [message, ...rest]);
  };
  Object.assign(child, { send: sendAndNote });
  child.on('internalMessage', ({ ack, act }: ClusterMessage) => {
    if (ack !== undefined) unanswered.delete(ack);
    // It gives a port back: it is about to end.
    if (act === 'close') listening.delete(worker);
  });
  worker.on('message', ({ kind }: WorkerMessage) => {
    if (kind === 'listening') listening.add(worker);
  });
  child.once('disconnect', () => {
    isDisconnected = true;
  });

  // It is dead, and all that it said is read by now.
  child.once('close', () => {
    listening.delete(worker);
    // Node leaves this out when a connection was on its way, and would keep the worker on its lists.
    if (!isDisconnected) child.emit('disconnect');
    for (const ack of unanswered) {
      child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: listening.size === 0 });
    }
  });
}

/** What primary and workers of node:cluster tell each other, as far as it matters here. */
interface ClusterMessage {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}
