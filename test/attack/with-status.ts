import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Target } from './attack.js';

/** A server that answers everything with one status. */
export async function withStatus(status: number, run: (target: Target) => Promise<void>): Promise<void> {
  const server: Server = createServer({ requireHostHeader: false }, (request, response) => {
    request.resume();
    response.writeHead(status, { 'Content-Length': 0 }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  try {
    await run({ http: address, grpc: address, publicKey: 'pk_live_x', tenant: 'acme' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
