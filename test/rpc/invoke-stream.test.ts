import { mock } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { toMessage } from '../../src/conversations/message.js';
import {
  ChatSessions,
  ExportCustomerRequestSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type ExportCustomerRequest,
  type ExportCustomerResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall, Call, Caller } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { ServiceError, type Violation } from '../../src/rpc/errors.js';
import { createPipeline, type PipelineOptions } from '../../src/rpc/invoke.js';
import { defineStreamRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';
import { newConversation } from '../contract/rows.js';
import { refusal } from '../harness/refusal.js';

const test = suite('invokeStream');
test.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.after.each(() => mock.timers.reset());

const START = 1_800_000_000_000;
const MAX_STALL_MS = 30_000;
const AGENT: Caller = { name: 'agent', scopes: new Set(['read']), tenants: 'all' };

type Answers = AsyncGenerator<ExportCustomerResponse, void, void>;

interface Setting {
  readonly call?: Partial<Call>;
  readonly isResumable?: boolean;
  readonly request?: MessageInitShape<typeof ExportCustomerRequestSchema>;
  readonly read?: () => never;
  readonly rules?: () => readonly Violation[];
  readonly authenticate?: PipelineOptions['authenticate'];
  readonly handle?: (request: ExportCustomerRequest, call: AuthenticatedCall) => Answers;
  /** What sending one answer does, beside being written down. */
  readonly send?: (nth: number) => Promise<void>;
}

/** An answer that can be told from others. */
const answer = (revision: number): ExportCustomerResponse => ({
  conversation: toMessage(newConversation({ revision })),
});

/** One call of a fake RPC that makes 3 answers, and everything that happened in its order. */
function rig({ call, request, read, rules, authenticate, handle, send, isResumable }: Setting = {}) {
  const lines: string[] = [];
  const done: string[] = [];
  let hangUp = () => {};
  const { invokeStream, stop } = createPipeline({
    authenticate: authenticate ?? (() => AGENT),
    maxCallMs: 5_000,
    maxStallMs: MAX_STALL_MS,
    elapsed: () => START,
    callLog: createCallLog(createLog('trace', { write: (line) => lines.push(line) }), () => START),
  });

  async function* three(): Answers {
    try {
      for (const n of [1, 2, 3]) {
        done.push(`made ${n}`);
        yield answer(n);
      }
    } finally {
      done.push('cleaned up');
    }
  }
  const rpc = defineStreamRpc({
    method: ChatSessions.method.exportCustomer,
    codec: ChatSessionsService.exportCustomer,
    scope: 'read',
    isResumable,
    rules: () => {
      done.push('rules');
      return rules?.() ?? [];
    },
    handle: handle ?? three,
  });
  let sent = 0;
  const start = () =>
    invokeStream(
      rpc,
      () => {
        done.push('read');
        return read ? read() : create(ExportCustomerRequestSchema, request ?? { tenant: 'acme' });
      },
      {
        surface: 'engine',
        transport: 'grpc',
        requestId: 'request-1',
        timeoutMs: Number.POSITIVE_INFINITY,
        header: () => undefined,
        onGone: (listener) => {
          hangUp = listener;
        },
        ...call,
      },
      async (response) => {
        const { revision } = response.conversation ?? {};
        done.push(`sent ${revision}`);
        await send?.(++sent);
        done.push(`taken ${revision}`);
      },
    );
  return {
    start,
    done,
    stop,
    hangUp: () => hangUp(),
    logged: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)),
  };
}

/** Lets everything that waits for promises alone go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = () => new Promise<void>(() => {});
const onSecond = (work: () => Promise<void>) => async (nth: number) => {
  if (nth === 2) await work();
};

test('each answer is made when the one before it is taken', async () => {
  const { start, done } = rig();
  await start();
  assert.equal(done, [
    ...['read', 'rules'],
    ...['made 1', 'sent 1', 'taken 1', 'made 2', 'sent 2', 'taken 2', 'made 3', 'sent 3', 'taken 3'],
    'cleaned up',
  ]);
});

test('the handler gets the request in its own type, the caller, the deadline and the signal', async () => {
  let seen: { request: ExportCustomerRequest; call: AuthenticatedCall } | undefined;
  const { start } = rig({
    call: { timeoutMs: 700 },
    request: { tenant: 'acme', customerId: 'u-42', verifiedOnly: true },
    handle: async function* (request, call): Answers {
      seen = { request, call };
      yield answer(1);
    },
  });
  await start();
  const { request, call } = seen ?? {};
  assert.equal(request, { tenant: 'acme', customerId: 'u-42', verifiedOnly: true });
  assert.equal([call?.caller, call?.deadline, call?.requestId], [AGENT, START + 700, 'request-1']);
  assert.is(call?.signal.aborted, false);
});

const REFUSALS: readonly (readonly [name: string, setting: Setting, code: string, done: string[]])[] = [
  [
    'a caller that is not let in',
    {
      authenticate: () => {
        throw new ServiceError('unauthenticated', 'No token.');
      },
    },
    'unauthenticated',
    [],
  ],
  [
    'a caller without the scope',
    { authenticate: () => ({ ...AGENT, scopes: new Set(['open', 'erase']) }) },
    'permission_denied',
    [],
  ],
  [
    'a request that is none',
    {
      read: () => {
        throw new ServiceError('invalid_input', 'Not a message.');
      },
    },
    'invalid_input',
    ['read'],
  ],
  [
    'a broken rule',
    { rules: () => [{ field: 'tenant', rule: 'r', message: 'm' }] },
    'validation_failed',
    ['read', 'rules'],
  ],
];
for (const [name, setting, code, done] of REFUSALS) {
  test(`${name} is refused before the handler: ${code}`, async () => {
    const { start, done: happened } = rig(setting);
    assert.is((await refusal(start())).code, code);
    assert.equal(happened, done);
  });
}

test('an answer that is not taken in time ends the stream, and the handler cleans up', async () => {
  const { start, done, logged } = rig({ send: onSecond(never) });
  let settled = false;
  const ended = refusal(start()).finally(() => {
    settled = true;
  });
  await settle();
  mock.timers.tick(MAX_STALL_MS - 1);
  await settle();
  assert.not.ok(settled);
  mock.timers.tick(1);
  assert.is((await ended).code, 'reader_too_slow');
  assert.equal(done.slice(-3), ['made 2', 'sent 2', 'cleaned up']);
  assert.equal(
    logged().map(({ code, level }) => [code, level]),
    [['reader_too_slow', 30]],
  );
});

/** An answer of a resumable RPC, which this one plays. */
const resumable = (n: number) => ({ ...answer(n), resumeToken: `token ${n}` });

test('the error of a resumable RPC says how far it got: what was taken, not what was sent', async () => {
  for (const [isResumable, token] of [
    [true, 'token 1'],
    [false, undefined],
  ] as const) {
    const { start } = rig({
      isResumable,
      send: onSecond(never),
      handle: async function* (): Answers {
        for (const n of [1, 2]) yield resumable(n);
      },
    });
    const ended = refusal(start());
    await settle();
    mock.timers.tick(MAX_STALL_MS);
    assert.is((await ended).details.resumeToken, token);
  }
});

test('the error of a resumable RPC keeps what its handler failed with', async () => {
  const { start } = rig({
    isResumable: true,
    handle: async function* (): Answers {
      yield resumable(1);
      throw new ServiceError('unavailable', 'No database.', { retryAfterSeconds: 3 });
    },
  });
  const { code, message, details } = await refusal(start());
  assert.equal([code, message], ['unavailable', 'No database.']);
  assert.equal(details, { retryAfterSeconds: 3, resumeToken: 'token 1' });
});

test('a slow reader that takes each answer just in time gets all', async () => {
  const { start, done } = rig({
    send: () => new Promise((resolve) => setTimeout(resolve, MAX_STALL_MS - 1)),
  });
  const ended = start();
  for (let i = 0; i < 3; i++) {
    await settle();
    mock.timers.tick(MAX_STALL_MS - 1);
  }
  await ended;
  assert.ok(done.includes('taken 3'));
});

type Rig = ReturnType<typeof rig>;
const ENDS: readonly (readonly [name: string, end: (rig: Rig) => void, code: string | undefined])[] = [
  ['the reader goes away', ({ hangUp }) => hangUp(), undefined],
  ['the process stops', ({ stop }) => stop(), 'unavailable'],
  ['the deadline passes', () => mock.timers.tick(700), 'deadline_exceeded'],
];
const codeOf = (started: Promise<void>) =>
  started.then(
    () => undefined,
    (error: unknown) => (error instanceof ServiceError ? error.code : error),
  );
for (const [name, end, code] of ENDS) {
  const call = { timeoutMs: 700 };

  test(`${name} while an answer is on its way: ${code ?? 'the stream is over'}`, async () => {
    const one = rig({ call, send: onSecond(never) });
    const ended = codeOf(one.start());
    await settle();
    end(one);
    assert.is(await ended, code);
    assert.equal(one.done.slice(-2), ['sent 2', 'cleaned up']);
    assert.is(one.logged()[0]?.['code'], code ?? 'ok');
  });

  test(`${name} while an answer is made: it is not sent, ${code ?? 'and the stream is over'}`, async () => {
    const one: Rig = rig({
      call,
      handle: async function* (): Answers {
        try {
          end(one);
          yield answer(1);
          one.done.push('went on');
        } finally {
          one.done.push('cleaned up');
        }
      },
    });
    assert.is(await codeOf(one.start()), code);
    assert.equal(one.done, ['read', 'rules', 'cleaned up']);
  });

  test(`${name} while the handler waits: its signal says why`, async () => {
    const seen: unknown[] = [];
    const one = rig({
      call,
      handle: async function* (_request, { signal }): Answers {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        seen.push(signal.reason);
      },
    });
    const ended = codeOf(one.start());
    await settle();
    end(one);
    assert.is(await ended, code);
    assert.equal(seen, [{ undefined: 'caller_gone', unavailable: 'stopping' }[String(code)] ?? 'deadline']);
  });
}

test('what ends because the process stops says when to come back', async () => {
  const { start, stop } = rig({ send: never });
  const ended = refusal(start());
  await settle();
  stop();
  assert.is((await ended).details.retryAfterSeconds, 1);
});

test('a stream that begins when the process has stopped is ended before its first answer is sent', async () => {
  const { start, stop, done } = rig();
  stop();
  assert.is((await refusal(start())).code, 'unavailable');
  assert.equal(done.slice(-2), ['made 1', 'cleaned up']);
});

test('a deadline in months is no deadline that passes at once', async () => {
  const { start, done } = rig({ call: { timeoutMs: 2 ** 31 } });
  await start();
  assert.is(done.at(-1), 'cleaned up');
});

test('a sending that fails ends the stream as internal, and one that fails too late changes nothing', async () => {
  const failed = rig({ send: onSecond(() => Promise.reject(new TypeError('not serialisable'))) });
  assert.is((await refusal(failed.start())).code, 'internal');
  assert.is(failed.done.at(-1), 'cleaned up');

  let fail: (error: Error) => void = () => {};
  const late = rig({
    send: () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  });
  const ended = late.start();
  await settle();
  late.hangUp();
  await ended;
  // An unhandled rejection would fail this file.
  fail(new Error('too late'));
  await settle();
});

test('a handler that fails after some answers: the caller has those, and internal', async () => {
  const { start, done, logged } = rig({
    handle: async function* (): Answers {
      yield answer(1);
      throw new TypeError('driver says 10.1.2.3');
    },
  });
  const error = await refusal(start());
  assert.equal([error.code, error.message], ['internal', 'Something went wrong on our side.']);
  assert.is(done.at(-1), 'taken 1');
  assert.match(JSON.stringify(logged()), /10\.1\.2\.3/);
});

test('what cleaning up fails with is the outcome', async () => {
  const { start, hangUp } = rig({
    send: never,
    handle: async function* (): Answers {
      try {
        yield answer(1);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: this is what the test is about.
        throw new ServiceError('unavailable', 'The audit is not written.');
      }
    },
  });
  const ended = refusal(start());
  await settle();
  hangUp();
  assert.is((await ended).message, 'The audit is not written.');
});

test('one line a stream, with the name of the caller', async () => {
  const { start, logged } = rig();
  await start();
  const [line, ...others] = logged();
  assert.equal(others, []);
  const { rpc, transport, requestId, caller, ms, code } = line ?? {};
  assert.equal(
    { rpc, transport, requestId, caller, ms, code },
    { rpc: 'ExportCustomer', transport: 'grpc', requestId: 'request-1', caller: 'agent', ms: 0, code: 'ok' },
  );
});
