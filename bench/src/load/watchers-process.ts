/** A process with many watchers. To stay cheap, it decodes the messages of the first one only. */
import { Client, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import {
  ChatSessionsService,
  WatchConversationsResponse,
} from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';

/** The job, as JSON in the environment variable WATCH. */
export interface WatchJob {
  readonly target: string;
  /** Tokens of callers; the watchers use them in turn. */
  readonly tokens: readonly string[];
  /** Tenants; the watchers watch them in turn. */
  readonly tenants: readonly string[];
  readonly count: number;
}

/** The messages so far. */
export interface Watched {
  readonly bytes: number;
  /** For the first watcher: the number of events, the age of the last one on arrival in ms, and its arrival time. */
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

/** Opens a watch. @returns after its first message */
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
