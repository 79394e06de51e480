/**
 * A ceiling, in a process of its own: node:http that reads each request to its end and answers with the same bytes and
 * headers. `ANSWER` is the body in base64, `HEADERS` the headers as JSON.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const answer = Buffer.from(process.env['ANSWER'] ?? '', 'base64');
const headers: Record<string, string> = JSON.parse(process.env['HEADERS'] ?? '{}');

const server = createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(200, headers);
    response.end(answer);
  });
});
const stop = () => {
  server.close(() => process.exit());
  server.closeAllConnections();
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ http: `http://127.0.0.1:${port}` });
});
