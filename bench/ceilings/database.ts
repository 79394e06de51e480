/** A ceiling, in a process of its own: the database alone, given the documents that the service writes. */
import { v7 as uuidV7 } from 'uuid';
import { toDocument } from '../../src/mongo/conversation-document.js';
import { type ConversationDocument, openDatabase } from '../../src/mongo/database.js';
import { newConversation } from '../../test/contract/rows.js';
import { VISIT } from '../demo.js';
import { type LoadResult, toLoadResult } from '../load/load.js';
import { serveJobs } from '../load/worker.js';

/** Load on the database that `MONGODB_URI` and `MONGODB_DB` name. */
export interface DatabaseJob {
  /** Documents of one write: 1 is insertOne, more are insertMany. */
  readonly batch: number;
  /** Writes under way at a time. */
  readonly callers: number;
  readonly ms: number;
}

const opening = openDatabase(process.env['MONGODB_URI'] ?? '', process.env['MONGODB_DB'] ?? '');
const tenantId = uuidV7();
const keyId = uuidV7();

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
      const documents = Array.from({ length: batch }, newDocument);
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

/** What the service writes for the open that is measured. */
function newDocument(): ConversationDocument {
  const now = Date.now();
  const { customerId, locale, variables } = VISIT;
  const session = { jti: uuidV7(), iat: Math.floor(now / 1_000), exp: Math.floor(now / 1_000) + 3_600 };
  return toDocument(
    newConversation({
      ...{ tenantId, keyId, customerId, locale, variables, origin: 'http://localhost:3000', session },
      ...{ createdAt: now, updatedAt: now, purgeAt: now + 90 * 86_400_000 },
    }),
  );
}
