import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, Target } from './attack.js';
import { tableKey, tcpSockets } from './tcp-table.js';

/** How long a connection may take to be made, in ms: more of them are asked for than a backlog takes. */
const CONNECT_MS = 5_000;

/** Connects to a port of the service from the attackers' address. @returns undefined when it is not let in */
export function connectTo(address: Address, { attackFrom }: Target): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      ...address,
      ...(attackFrom !== undefined && { localAddress: attackFrom }),
      allowHalfOpen: true,
      noDelay: true,
    });
    const give = (answer: Socket | undefined) => {
      clearTimeout(timer);
      if (answer === undefined) socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(give, CONNECT_MS, undefined);
    // Resets are what attackers meet; `close` follows.
    socket.on('error', () => {});
    socket.once('close', () => give(undefined));
    socket.once('connect', () => give(socket));
  });
}

/** Connects many times, as many at a time as a backlog takes. @returns the connections that were let in */
export async function connectMany(
  count: number,
  address: Address,
  target: Target,
  onConnect: (socket: Socket) => void = () => {},
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let left = count;
  const work = async () => {
    while (left > 0) {
      left--;
      const socket = await connectTo(address, target);
      if (socket === undefined) continue;
      sockets.push(socket);
      onConnect(socket);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, 64) }, work));
  return sockets;
}

/** Ends a connection at once with a RST, which leaves no port behind in TIME_WAIT. */
export function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}

/** Runs so many workers until the time is over: each starts its work anew when it is done. */
export async function repeatFor(ms: number, workers: number, work: () => Promise<void>): Promise<void> {
  const end = performance.now() + ms;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (performance.now() < end) await work();
    }),
  );
}

/** What came back over a connection, and how it ended. */
export interface Exchanged {
  readonly text: string;
  /** The statuses of HTTP's answers, in order. */
  readonly statuses: readonly number[];
  /** Whether the service has closed the connection. */
  readonly isClosed: boolean;
  readonly ms: number;
}

/** What is kept of what comes back, in bytes. */
const MAX_KEPT_BYTES = 256 * 1024;

/**
 * Sends bytes over a connection of its own, and reads until the service closes it, `isDone` is so, or the time is over.
 *
 * @param parts sent one after the other, each when the one before it is taken
 */
export async function exchange(
  address: Address,
  target: Target,
  parts: readonly (Buffer | string)[],
  options: {
    readonly timeoutMs: number;
    readonly isDone?: (text: string) => boolean;
    readonly end?: boolean;
  },
): Promise<Exchanged> {
  const began = performance.now();
  const socket = await connectTo(address, target);
  let text = '';
  let isClosed = socket === undefined;
  if (socket) {
    const over = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.timeoutMs);
      const close = () => {
        isClosed = true;
        clearTimeout(timer);
        resolve();
      };
      socket.on('data', (chunk: Buffer) => {
        if (text.length < MAX_KEPT_BYTES) text += chunk.toString('latin1');
        if (!options.isDone?.(text)) return;
        clearTimeout(timer);
        resolve();
      });
      socket.once('end', close).once('close', close);
    });
    for (const part of parts) {
      if (isClosed || socket.destroyed) break;
      if (!socket.write(part)) await Promise.race([drained(socket), over]);
    }
    if (options.end) socket.end();
    await over;
    reset(socket);
  }
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { text, statuses, isClosed, ms: performance.now() - began };
}

/** Resolves when a socket has room again, or is gone. */
export function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writableNeedDrain) return resolve();
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** States of proc_net_tcp(5) in which a server still holds its end of a connection: ESTABLISHED, CLOSE_WAIT. */
const HELD_STATES = new Set(['01', '08']);

/**
 * How many of these connections the service still holds at its end, whatever their other end does (Linux only; else
 * those that this end knows of).
 */
export function heldByService({ port }: Address, sockets: readonly Socket[]): number {
  const ours = new Set(sockets.map(({ localAddress, localPort }) => tableKey(localAddress, localPort)));
  try {
    return tcpSockets().filter(
      ({ localPort, remote, state }) => localPort === port && ours.has(remote) && HELD_STATES.has(state),
    ).length;
  } catch {
    return sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  }
}

/** Waits until the service holds none of these connections any more. @returns how many it holds in the end */
export async function waitUntilFreed(
  address: Address,
  sockets: readonly Socket[],
  ms: number,
): Promise<number> {
  const end = performance.now() + ms;
  while (heldByService(address, sockets) > 0 && performance.now() < end) await sleep(200);
  return heldByService(address, sockets);
}
