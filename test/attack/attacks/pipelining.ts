import type { Attack, AttackContext, Outcome } from '../attack.js';
import { answerReader, openRequest, writeBackToBack } from '../http.js';
import { connectMany, reset } from '../sockets.js';
import { createTally, figure } from '../tally.js';
import { unexpected } from './decode.js';

/** Requests that are written at once. */
const AT_ONCE = 100;
/** The most that one connection writes. */
const EACH = 8_000;
/** How long answers are waited for when nothing is written any more, in ms. */
const ANSWER_MS = 500;

/** How many of a visitor's calls may be refused: requests in flight are bounded for all callers together. */
const REFUSED_SHARE = 0.5;

/** Each of 500 connections has one request under way at a time, as a visitor has: the visitor waits behind all of them. */
const P99_MS = 2_500;

/** What is there to be answered: opens, or refusals to shed the load. */
const ANSWERS = [200, 429, 503];

export const pipeliningAttacks: readonly Attack[] = [40, 500].map((connections) => ({
  name: `pipelining-${connections}`,
  shows: `${connections} connections that write opens back to back, without waiting for answers (HTTP)`,
  seconds: 6,
  quickSeconds: 1,
  tolerance: { refused: REFUSED_SHARE, p99Ms: P99_MS },
  run: (context) => pipeline(connections, context),
}));

async function pipeline(connections: number, { target, ms }: AttackContext): Promise<Outcome> {
  const burst = Buffer.concat(Array.from({ length: AT_ONCE }, () => openRequest(target)));
  const answers = createTally();
  const until = performance.now() + ms;
  let bursts = 0;
  const writing: Promise<void>[] = [];
  const sockets = await connectMany(connections, target.http, target, (socket) => {
    socket.on('data', answerReader(answers.add));
    writing.push(
      writeBackToBack(socket, burst, { times: EACH / AT_ONCE, until }).then((written) => {
        bursts += written;
      }),
    );
  });
  await Promise.all(writing);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, until - performance.now()) + ANSWER_MS));
  for (const socket of sockets) reset(socket);
  return {
    sent: `up to ${figure(bursts * AT_ONCE)} requests on ${sockets.length} connections`,
    seen: answers.text(),
    faults: [
      ...(answers.total() === 0 ? ['nothing was answered'] : []),
      ...unexpected(answers.labels(), ANSWERS),
    ],
  };
}
