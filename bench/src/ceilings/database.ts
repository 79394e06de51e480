/** The ceiling "the database alone", a process of its own: inserts the documents that the service writes. */
import { toDocument } from 'chatsessions/mongo/conversation-document.js';
import { openDatabase } from 'chatsessions/mongo/database.js';
import { type LoadResult, toLoadResult } from '../load/load.js';
import { serveJobs } from '../load/worker.js';
import { VISIT } from '../requests/demo.js';
import { newVisit } from './visit.js';

/** Load on the database that `MONGODB_URI` and `MONGODB_DB` name. */
export interface DatabaseJob {
  /** Documents per write: 1 is insertOne, more are insertMany. */
  readonly batch: number;
  /** Writes in flight. */
  readonly callers: number;
  readonly ms: number;
}

const opening = openDatabase(process.env['MONGODB_URI'] ?? '', process.env['MONGODB_DB'] ?? '');

serveJobs(load);

async function load({ batch, callers, ms }: DatabaseJob): Promise<LoadResult> {
  const { conversations } = await opening;
  const latencies: number[] = [];
  let answers = 0;
  let unexpected = 0;
  const began = performance.now();
  const until = began + ms;

  const write = async () => {
    while (performance.now() < until) {
      const documents = Array.from({ length: batch }, () => toDocument(newVisit(VISIT)));
      const sentAt = performance.now();
      const [first] = documents;
      const written =
        batch === 1 && first
          ? conversations.insertOne(first)
          : conversations.insertMany(documents, { ordered: false });
      await written.then(
        () => {
          answers += batch;
        },
        () => {
          unexpected += batch;
        },
      );
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: callers }, write));
  return toLoadResult({ answers, unexpected, latencies, ms: performance.now() - began });
}
