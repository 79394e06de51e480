import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

/** A way to a server that can be disturbed. */
export interface NetworkProxy {
  /** `host:port`. */
  readonly address: string;
  /**
   * `open` passes bytes on, `held` keeps the server's answers until it is open again, `stalled` loses them, `cut`
   * refuses and drops connections.
   */
  set(state: State): void;
  /** Resolves once an answer is held. */
  holding(): Promise<void>;
  /** Cuts each connection that carries an answer once `matches` is true of what the client sent before it. */
  cutAfter(matches: (request: Buffer) => boolean): void;
  close(): Promise<void>;
}

type State = 'open' | 'held' | 'stalled' | 'cut';

/** Puts a proxy in front of a server. */
export async function startProxy(target: NetConnectOpts): Promise<NetworkProxy> {
  let state: State = 'open';
  const held: (() => void)[] = [];
  let tellHolding: () => void = () => {};
  const isHolding = new Promise<void>((resolve) => {
    tellHolding = resolve;
  });
  let cutIf: ((request: Buffer) => boolean) | undefined;
  const pairs = new Set<readonly [Socket, Socket]>();

  const server = createServer((client) => {
    if (state === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    const pair = [client, upstream] as const;
    let doomed = false;
    pairs.add(pair);
    client.on('data', (chunk) => {
      if (cutIf?.(chunk)) {
        cutIf = undefined;
        doomed = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (doomed) drop();
      else if (state === 'open') client.write(chunk);
      else if (state === 'held') {
        held.push(() => client.write(chunk));
        tellHolding();
      }
    });
    const drop = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('close', drop).on('error', drop);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');

  const dropAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    address: `127.0.0.1:${address.port}`,
    set(next) {
      // Answers that were held back are gone: their connections cannot go on.
      if (next === 'cut' || state === 'stalled') dropAll();
      state = next;
      if (state === 'open') for (const release of held.splice(0)) release();
    },
    holding: () => isHolding,
    cutAfter(matches) {
      cutIf = matches;
    },
    async close() {
      dropAll();
      server.close();
      await once(server, 'close');
    },
  };
}
