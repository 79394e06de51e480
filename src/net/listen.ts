import type { AddressInfo, Server } from 'node:net';

/**
 * Starts a server on an address; port 0 means any free port.
 *
 * @returns the port
 * @throws Error when it cannot listen there
 */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      // The cast is safe: it listens on TCP.
      resolve((server.address() as AddressInfo).port);
    });
  });
}
