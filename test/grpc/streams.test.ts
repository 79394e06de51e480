import { once } from 'node:events';
import { suite } from '@chatsessions/test-harness';
import { credentials, Metadata, ServerCredentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { toMessage } from '../../src/conversations/message.js';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsClient,
  ChatSessionsService,
  type ExportCustomerRequest,
  type ExportCustomerResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { createGrpcServer } from '../../src/grpc/grpc-server.js';
import type { AuthenticatedCall } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import type { CallEnd } from '../../src/rpc/call-signal.js';
import { ServiceError } from '../../src/rpc/errors.js';
import { createPipeline } from '../../src/rpc/invoke.js';
import { defineStreamRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';
import { newConversation } from '../contract/rows.js';
import { readStream } from '../harness/stream-reader.js';

const test = suite('gRPC streams');

type Answers = AsyncGenerator<ExportCustomerResponse, void, void>;
type Handle = (request: ExportCustomerRequest, call: AuthenticatedCall) => Answers;

/** Longer than a test may take: what waits for it fails. */
const GRACE_MS = 60_000;

const closers: (() => Promise<void>)[] = [];
test.after.each(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An answer with so many bytes of variables. */
function answer(n: number, bytes = 0): ExportCustomerResponse {
  const variables = { text: 'x'.repeat(bytes) };
  return { conversation: toMessage(newConversation({ revision: n, variables })) };
}

const revisions = (answers: readonly ExportCustomerResponse[]) =>
  answers.map(({ conversation }) => conversation?.revision);

/** A server with one RPC, and a client of it. */
async function rig(handle: Handle, { maxStallMs = GRACE_MS, statusMs = GRACE_MS } = {}) {
  const lines: string[] = [];
  const pipeline = createPipeline({
    authenticate: () => undefined,
    maxCallMs: 5_000,
    maxStallMs,
    callLog: createCallLog(createLog('debug', { write: (line) => lines.push(line) }), () =>
      performance.now(),
    ),
  });
  const rpc = defineStreamRpc({
    method: ChatSessions.method.exportCustomer,
    codec: ChatSessionsService.exportCustomer,
    scope: 'read',
    rules: () => [],
    handle,
  });
  const server = createGrpcServer({
    rpcs: [],
    streamRpcs: [rpc],
    pipeline,
    newRequestId: () => 'request-of-ours',
    callLog: { refusedEarly: () => {}, failed: () => {} },
    credentials: ServerCredentials.createInsecure(),
    statusMs,
  });
  const port = await server.listen('127.0.0.1', 0);
  const client = new ChatSessionsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  let closed: Promise<void> | undefined;
  const close = () => {
    pipeline.stop();
    closed ??= server.close(GRACE_MS);
    return closed;
  };
  closers.push(async () => {
    client.close();
    await close();
  });
  const call = (metadata = new Metadata(), options = {}) =>
    client.exportCustomer({ tenant: 'acme', customerId: 'c', verifiedOnly: false }, metadata, options);
  return { call, read: () => readStream(call()), close, logged: () => lines.map((line) => JSON.parse(line)) };
}

/** Something that a test waits for, and that happens once. */
function moment<T = void>() {
  let happen: (value: T) => void = () => {};
  const happened = new Promise<T>((resolve) => {
    happen = resolve;
  });
  return { happen, happened };
}

/** A handler that waits after its first answer until nobody wants the rest. */
function waiting() {
  const reason = moment<CallEnd | undefined>();
  const handle: Handle = async function* (_request, { signal }) {
    yield answer(1);
    if (!signal.aborted) await once(signal, 'abort');
    reason.happen(signal.reason);
  };
  return { handle, reason: reason.happened };
}

test('answers come in order, then OK', async () => {
  const { read } = await rig(async function* () {
    for (let n = 1; n <= 100; n++) yield answer(n);
  });
  const { ended, messages } = read();
  assert.is((await ended).code, 'OK');
  assert.equal(
    revisions(messages),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
});

test('the request id is in the first metadata, and those of the caller reach the handler', async () => {
  const seen: (string | undefined)[] = [];
  const { call } = await rig(async function* (_request, { requestId, header }) {
    seen.push(requestId, header('x-note'));
    yield answer(1);
  });
  const metadata = new Metadata();
  metadata.set('x-request-id', 'request-of-theirs');
  metadata.set('x-note', 'note');
  for (const [given, expected] of [
    [metadata, 'request-of-theirs'],
    [new Metadata(), 'request-of-ours'],
  ] as const) {
    const stream = call(given);
    const [answered] = await once(stream, 'metadata');
    assert.equal(answered.get('x-request-id'), [expected]);
    assert.is((await readStream(stream).ended).code, 'OK');
  }
  assert.equal(seen, ['request-of-theirs', 'note', 'request-of-ours', undefined]);
});

const FAILURES: readonly (readonly [name: string, thrown: unknown, code: string, reason: string])[] = [
  [
    'a ServiceError',
    new ServiceError('reader_too_slow', 'Slow.', { resumeToken: 'here' }),
    'RESOURCE_EXHAUSTED',
    'reader_too_slow',
  ],
  ['a mistake of ours', new TypeError('x is not a function'), 'INTERNAL', 'internal'],
];
for (const [name, thrown, code, reason] of FAILURES) {
  test(`${name} ends the stream behind its answers, with its details`, async () => {
    const { read } = await rig(async function* () {
      yield answer(1);
      throw thrown;
    });
    const { ended, messages } = read();
    const end = await ended;
    assert.equal([end.code, end.reason, messages.length], [code, reason, 1]);
    assert.is(end.metadata['resume_token'], thrown instanceof ServiceError ? 'here' : undefined);
  });
}

test('a handler that refuses before its first answer is no different', async () => {
  // biome-ignore lint/correctness/useYield: it refuses.
  const { read } = await rig(async function* () {
    throw new ServiceError('not_found', 'There is no such tenant.');
  });
  const { code, reason } = await read().ended;
  assert.equal([code, reason], ['NOT_FOUND', 'not_found']);
});

test('an answer that cannot be sent is internal, and the handler cleans up', async () => {
  const cleaned = moment();
  const { read, logged } = await rig(async function* () {
    try {
      yield { conversation: 7n as never };
    } finally {
      cleaned.happen();
    }
  });
  assert.is((await read().ended).reason, 'internal');
  await cleaned.happened;
  assert.is(logged()[0]?.code, 'internal');
});

test('a client that stops reading: no more is made than the windows hold; then it is told, and where to go on', async () => {
  const MESSAGE_BYTES = 64 * 1024;
  let made = 0;
  const { read, logged } = await rig(
    async function* () {
      for (;;) yield answer(++made, MESSAGE_BYTES);
    },
    { maxStallMs: 500 },
  );
  const reader = read();
  await reader.came(1);
  reader.pause();
  await until(() => logged().length > 0);
  assert.is(logged()[0]?.code, 'reader_too_slow');
  assert.ok(made - reader.messages.length < 40, `${made} made, ${reader.messages.length} read`);

  reader.resume();
  assert.equal(await reader.ended.then(({ code, reason }) => [code, reason]), [
    'RESOURCE_EXHAUSTED',
    'reader_too_slow',
  ]);
  assert.is(reader.messages.length, made);
});

test('a client that stays away after that is cut off', async () => {
  const { read, logged } = await rig(
    async function* () {
      for (let n = 1; ; n++) yield answer(n, 64 * 1024);
    },
    { maxStallMs: 100, statusMs: 100 },
  );
  const reader = read();
  reader.pause();
  await until(() => logged().length > 0);
  const { code, reason } = await reader.ended;
  // HTTP/2's ENHANCE_YOUR_CALM: a status without details.
  assert.equal([code, reason], ['RESOURCE_EXHAUSTED', undefined]);
});

test('a client that cancels: the handler is told, and cleans up', async () => {
  const { handle, reason } = waiting();
  const { read, logged } = await rig(handle);
  const reader = read();
  await reader.came(1);
  reader.cancel();
  assert.is(await reason, 'caller_gone');
  assert.is((await reader.ended).code, 'CANCELLED');
  await until(() => logged().length > 0);
  assert.is(logged()[0]?.code, 'ok');
});

test('a client that cancels while an answer waits for it', async () => {
  const cleaned = moment();
  const { read } = await rig(async function* () {
    try {
      for (let n = 1; ; n++) yield answer(n, 64 * 1024);
    } finally {
      cleaned.happen();
    }
  });
  const reader = read();
  await reader.came(1);
  reader.pause();
  reader.cancel();
  await cleaned.happened;
});

test('a deadline that is over ends the stream, and the handler is told', async () => {
  const { handle, reason } = waiting();
  const { call } = await rig(handle);
  const { ended } = readStream(call(new Metadata(), { deadline: Date.now() + 200 }));
  assert.is((await ended).code, 'DEADLINE_EXCEEDED');
  // Client and server look at the same time: either may be the first.
  assert.match((await reason) ?? '', /^(deadline|caller_gone)$/);
});

test('the server stops: streams end at once', async () => {
  const { handle, reason } = waiting();
  const { read, close } = await rig(handle);
  const readers = [read(), read()];
  for (const reader of readers) await reader.came(1);
  await close();
  assert.is(await reason, 'stopping');
  for (const { ended } of readers) {
    const { code, reason } = await ended;
    assert.equal([code, reason], ['UNAVAILABLE', 'unavailable']);
  }
});

test('the server stops while a client does not read: it is cut off, and does not hold the server up', async () => {
  let made = 0;
  const cleaned = moment();
  const { read, close } = await rig(async function* () {
    try {
      for (;;) yield answer(++made, 64 * 1024);
    } finally {
      cleaned.happen();
    }
  });
  const reader = read();
  await reader.came(1);
  reader.pause();
  await untilStill(() => made);
  await close();
  await cleaned.happened;
});

test('the server has stopped once its handlers have cleaned up, though their clients have gone', async () => {
  const done: string[] = [];
  const [left, cleaned] = [moment(), moment()];
  const { read, close } = await rig(async function* (_request, { signal }) {
    try {
      yield answer(1);
      await once(signal, 'abort');
    } finally {
      left.happen();
      await cleaned.happened;
      done.push('cleaned up');
    }
  });
  const reader = read();
  await reader.came(1);
  reader.cancel();
  await left.happened;
  const closed = close().then(() => done.push('stopped'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  cleaned.happen();
  await closed;
  assert.equal(done, ['cleaned up', 'stopped']);
});

/** Waits for something that no event tells of. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Waits until something that grows has stopped growing. */
async function untilStill(size: () => number): Promise<void> {
  for (let before = -1; before !== size(); ) {
    before = size();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
