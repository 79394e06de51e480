import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchConversationsResponse } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { count, flag, seconds } from '../command/options.js';
import { definePart } from '../command/part.js';
import { DEMO_TENANT } from '../requests/demo.js';
import { engineClient } from '../requests/engine-client.js';
import { type ServerProcess, startOurs } from '../servers/server-process.js';
import { readStream, type StreamReader } from './stream-reader.js';
import { watchCurve } from './watch-curve.js';
import { startWriters } from './writers.js';

/** The longest time until the service ends a watch that is too slow, in ms. */
const TOO_SLOW_MS = 35_000;
/** The time limit for the last events, in ms. */
const LAST_MS = 30_000;

/** Measures whether watchers lose events, and what a hanging one costs. */
export const watchConversations = definePart({
  name: 'watch-conversations',
  summary: 'whether watchers lose anything, and what one that hangs costs',
  about: `
A service on the embedded server, in a process of its own; writers that open, refresh, update and end conversations, and
log each write that was acknowledged; three watchers. After a quarter of the time, the third one stops reading, as a
program does that hangs. Prints the memory that the process has for itself, and what each watcher got of what was
written. The exit code is 1 when an event was lost.`,
  options: {
    seconds: seconds('how long there are writes', 60),
    writers: count('writers, each with one write at a time', 16),
    curve: flag('instead: opens per second with 1, 10, 50 and 150 watchers beside those with none, in turns'),
    tenants: count('of the curve: how many tenants are opened, and watched in turn', 1),
    rounds: count('of the curve: rounds', 3),
  },
  run: ({ seconds, writers, curve, tenants, rounds }) =>
    curve ? watchCurve({ tenants, rounds, ms: seconds * 1_000 }) : measure(seconds * 1_000, writers),
});

type Reader = StreamReader<WatchConversationsResponse>;

async function measure(ms: number, width: number): Promise<number> {
  const service = await startOurs();
  const client = engineClient(service);
  const watch = (resumeToken = '') =>
    readStream(client.watchConversations({ tenant: DEMO_TENANT, resumeToken }));
  const readers = [watch(), watch(), watch()] as const;
  const [, , hanging] = readers;
  for (const reader of readers) await reader.came(1);
  const memory = sample(service);
  memory.print('3 watchers, before any write');

  const began = performance.now();
  const writers = startWriters(client, width);
  await sleep(ms / 4);
  memory.print('3 watchers that read, under load');
  hanging.pause();
  const stoppedAt = performance.now();
  const readBefore = eventsOf([hanging]);
  await sleep((ms * 3) / 4);
  memory.print('2 that read and 1 that hangs, under load');
  const written = await writers.stop();
  const took = (performance.now() - began) / 1_000;
  console.log(
    `written: ${written.size} events in ${took.toFixed(1)} s (${Math.round(written.size / took)}/s)`,
  );

  await sleep(Math.max(0, TOO_SLOW_MS - (performance.now() - stoppedAt)));
  hanging.resume();
  const end = await Promise.race([hanging.ended, sleep(TOO_SLOW_MS)]);
  if (!end) {
    console.log('watcher 3 was not told anything: there was too little to read for it to be slow');
    client.close();
    await service.stop();
    return 1;
  }
  const told = end.metadata['resume_token'];
  console.log(
    `watcher 3 was told: ${end.code} ${end.reason ?? '(cut off)'}, ${told === undefined ? 'no token' : 'with a token'}`,
  );
  // After a minute without reading, the connection is cut without a status. The watcher resumes from its last message.
  const token = told ?? hanging.messages.at(-1)?.resumeToken;
  const resumed = watch(token);

  let lost = 0;
  lost += await compare('watcher 1', written, [readers[0]]);
  lost += await compare('watcher 2', written, [readers[1]]);
  lost += await compare(`watcher 3 (${readBefore.size} before it hung), then resumed`, written, [
    hanging,
    resumed,
  ]);
  for (const reader of [...readers, resumed]) reader.cancel();
  await sleep(5_000);
  memory.print('no watcher, 5 s later');
  client.close();
  await service.stop();
  return lost === 0 && token !== undefined && writers.failures() === 0 ? 0 : 1;
}

/** Samples the memory of a service every 100 ms. */
function sample({ memoryMiB }: ServerProcess) {
  let peak = 0;
  setInterval(() => {
    peak = Math.max(peak, memoryMiB());
  }, 100).unref();
  return {
    print(when: string): void {
      const now = memoryMiB();
      const most = Math.max(now, peak);
      console.log(`memory (RssAnon), ${when}: ${now.toFixed(0)} MiB now, ${most.toFixed(0)} at most`);
      peak = 0;
    },
  };
}

/** The distinct events of some readers, as conversation and revision. */
function eventsOf(readers: readonly Reader[]): Set<string> {
  return new Set(
    readers.flatMap(({ messages }) =>
      messages.flatMap(({ events }) =>
        events.map(({ conversation, revision }) => `${conversation?.conversationId} ${revision}`),
      ),
    ),
  );
}

/** Waits until a watcher has all written events, up to the time limit. @returns how many are missing */
async function compare(
  name: string,
  written: ReadonlySet<string>,
  readers: readonly Reader[],
): Promise<number> {
  let missing = written.size;
  for (const until = performance.now() + LAST_MS; missing > 0 && performance.now() < until; ) {
    await sleep(500);
    const got = eventsOf(readers);
    missing = [...written].filter((event) => !got.has(event)).length;
  }
  const count = readers.flatMap(({ messages }) => messages.flatMap(({ events }) => events)).length;
  const distinct = eventsOf(readers).size;
  console.log(`${name}: ${distinct} distinct events, ${count - distinct} of them again, ${missing} lost`);
  return missing;
}
