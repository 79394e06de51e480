/** A process that watches tenants as cheaply as it can: only the first watcher's messages are decoded. */
import { Client, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import {
  ChatSessionsService,
  WatchConversationsResponse,
} from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';

/** What is watched, as JSON in WATCH. */
export interface WatchJob {
  readonly target: string;
  /** Of the callers that the watchers take turns to be. */
  readonly tokens: readonly string[];
  /** The tenants that they take turns to watch. */
  readonly tenants: readonly string[];
  readonly count: number;
}

/** What came so far. */
export interface Watched {
  readonly bytes: number;
  /** Of the first watcher: its events, how old the last one was when it came, in ms, and when that was. */
  readonly events: number;
  readonly lagMs: number;
  readonly lastAt: number;
}

/** How many watchers share a connection. */
const PER_CONNECTION = 25;
let client: Client;

const { path, requestSerialize } = ChatSessionsService.watchConversations;
const same = (bytes: Buffer) => bytes;
const { target, tokens, tenants, count }: WatchJob = JSON.parse(process.env['WATCH'] ?? '');
const watched = { bytes: 0, events: 0, lagMs: 0, lastAt: 0 };

const started = Array.from({ length: count }, (_, n) => {
  if (n % PER_CONNECTION === 0) connect();
  return watch(n);
});
await Promise.all(started);
process.on('message', () => process.send?.(watched));
process.once('disconnect', () => process.exit());
process.send?.('ready');

function connect(): void {
  client = new Client(target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
}

/** @returns once its first message is there */
function watch(n: number): Promise<void> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${tokens[n % tokens.length]}`);
  const request = { tenant: tenants[n % tenants.length] ?? '', resumeToken: '' };
  const stream: ClientReadableStream<Buffer> = client.makeServerStreamRequest(
    path,
    requestSerialize,
    same,
    request,
    metadata,
  );
  return new Promise((resolve, reject) => {
    stream.on('error', (error) => {
      reject(error);
      console.error(`watcher ${n}: ${error.message}`);
    });
    stream.on('data', (bytes: Buffer) => {
      watched.bytes += bytes.length;
      if (n === 0) note(WatchConversationsResponse.decode(bytes));
      resolve();
    });
  });
}

function note({ events }: WatchConversationsResponse): void {
  const last = events.at(-1)?.happenedAt;
  if (last === undefined) return;
  watched.events += events.length;
  watched.lastAt = Date.now();
  watched.lagMs = watched.lastAt - last.seconds * 1_000 - last.nanos / 1_000_000;
}
