/**
 * The ceiling "the least an open can be", a process of its own: node:http, `JSON.parse`, one row that is written in a
 * group with others, with the service's indexes, and a constant answer. It checks nothing, looks nothing up and signs
 * nothing. `ANSWER` is the body in base64, `HEADERS` the headers as JSON.
 */
import { createServer } from 'node:http';
import { openDatabase } from 'chatsessions/mongo/database.js';
import { mongoConversations } from 'chatsessions/mongo/mongo-conversations.js';
import { announceHttp } from '../peers/process.js';
import { newVisit } from './visit.js';

const answer = Buffer.from(process.env['ANSWER'] ?? '', 'base64');
const headers: Record<string, string> = JSON.parse(process.env['HEADERS'] ?? '{}');
const database = await openDatabase(process.env['MONGODB_URI'] ?? '', process.env['MONGODB_DB'] ?? '');
const { insert } = mongoConversations(database, Date.now);

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', async () => {
    await insert(newVisit(JSON.parse(body)));
    response.writeHead(200, headers);
    response.end(answer);
  });
});
announceHttp(server, () => database.close());
