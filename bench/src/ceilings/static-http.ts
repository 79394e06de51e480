/**
 * The ceiling of HTTP, a process of its own: a node:http server that reads each request to its end and answers with the
 * same bytes and headers. `ANSWER` is the body in base64, `HEADERS` the headers as JSON.
 */
import { createServer } from 'node:http';
import { announceHttp } from '../peers/process.js';

const answer = Buffer.from(process.env['ANSWER'] ?? '', 'base64');
const headers: Record<string, string> = JSON.parse(process.env['HEADERS'] ?? '{}');

const server = createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(200, headers);
    response.end(answer);
  });
});
announceHttp(server);
