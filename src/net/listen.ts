import type { AddressInfo, Server } from 'node:net';

/**
 * Has a server listen on an address; port 0 is some free one.
 *
 * @returns the port
 * @throws Error when the address cannot be had
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
