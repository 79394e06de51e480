import { mock } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import {
  ChatSessions,
  OpenSessionRequestSchema,
} from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
  type OpenSessionResponse,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { AuthenticatedCall, Call, Caller } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import type { CallSignal } from '../../src/rpc/call-signal.js';
import { ServiceError, type Violation } from '../../src/rpc/errors.js';
import { createPipeline, type PipelineOptions } from '../../src/rpc/invoke.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { createLog } from '../../src/telemetry/log.js';
import { refusal } from '../harness/refusal.js';

const test = suite('invoke');

const START = 1_800_000_000_000;
const MAX_CALL_MS = 5_000;

/** What no log line and no answer may hold. */
const SECRETS = {
  publicKey: 'pk_live_5ec0de5ec0de5ec0de5ec0de5ec0de5e',
  customerId: 'customer-5ec0de',
  variable: 'variable-5ec0de',
  authorization: 'Bearer token-5ec0de',
  'idempotency-key': 'idempotency-key-5ec0de',
};
const SECRET = /5ec0de/;

const ANSWER: OpenSessionResponse = {
  sessionToken: 'session-token-5ec0de',
  conversationId: 'c',
  expiresAt: undefined,
  widget: undefined,
  intents: [],
  quickQuestions: [],
};

const AGENT: Caller = { name: 'agent', scopes: new Set(['open']), tenants: 'all' };

type Handle = (request: OpenSessionRequest, call: AuthenticatedCall) => Promise<OpenSessionResponse>;

interface Setting {
  readonly call?: Partial<Call>;
  readonly request?: MessageInitShape<typeof OpenSessionRequestSchema>;
  readonly read?: () => never;
  readonly rules?: () => readonly Violation[];
  readonly handle?: Handle;
  readonly authenticate?: PipelineOptions['authenticate'];
  readonly maxInFlight?: number;
  readonly maxCallMs?: number | undefined;
}

/** One call of a fake RPC: its answer, what came of it, and the lines that were logged. */
function rig({ call, request, read, rules, handle, authenticate, maxInFlight, maxCallMs }: Setting = {}) {
  const lines: string[] = [];
  const done: string[] = [];
  const clock = { now: START };
  const { invoke, stop } = createPipeline({
    authenticate: authenticate ?? (() => AGENT),
    maxCallMs: MAX_CALL_MS,
    ...(maxInFlight !== undefined && { maxInFlight }),
    elapsed: () => clock.now,
    callLog: createCallLog(createLog('trace', { write: (line) => lines.push(line) }), () => clock.now),
  });
  const rpc = defineRpc({
    method: ChatSessions.method.openSession,
    codec: ChatSessionsService.openSession,
    scope: 'open',
    maxCallMs,
    rules: () => {
      done.push('rules');
      return rules?.() ?? [];
    },
    handle: async (message: OpenSessionRequest, given: AuthenticatedCall) => {
      done.push('handle');
      return handle ? handle(message, given) : ANSWER;
    },
  });
  const start = () =>
    invoke(
      rpc,
      () => {
        done.push('read');
        return read ? read() : create(OpenSessionRequestSchema, request ?? { publicKey: 'k' });
      },
      {
        surface: 'engine',
        transport: 'grpc',
        requestId: 'request-1',
        timeoutMs: Number.POSITIVE_INFINITY,
        header: () => undefined,
        ...call,
      },
    );
  return {
    start,
    stop,
    clock,
    done,
    lines,
    logged: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)),
  };
}

test('a call goes through every step, in order', async () => {
  const { start, done } = rig({
    authenticate: () => {
      done.push('authenticate');
      return undefined;
    },
  });
  assert.is(await start(), ANSWER);
  assert.equal(done, ['authenticate', 'read', 'rules', 'handle']);
});

test('a caller that is not let in is not listened to', async () => {
  const error = new ServiceError('unauthenticated', 'No token.');
  const { start, done } = rig({
    authenticate: () => {
      throw error;
    },
  });
  assert.is(await refusal(start()), error);
  assert.equal(done, []);
});

test('a request that is none reaches neither rules nor handler', async () => {
  const error = new ServiceError('invalid_input', 'publicKey is required.');
  const { start, done } = rig({
    read: () => {
      throw error;
    },
  });
  assert.is(await refusal(start()), error);
  assert.equal(done, ['read']);
});

test('broken rules are refused, all of them, and never reach the handler', async () => {
  const violations = [
    { field: 'locale', rule: 'locale.bcp47', message: 'No tag.' },
    { field: 'customerId', rule: 'customer_id.max_length', message: 'Too long.' },
  ];
  const { start, done } = rig({ rules: () => violations });
  const error = await refusal(start());
  assert.is(error.code, 'validation_failed');
  assert.equal(error.details.violations, violations);
  assert.equal(done, ['read', 'rules']);
});

test('the handler gets the request as its own type, and the call with caller and deadline', async () => {
  let seen: unknown;
  const { start } = rig({
    request: { publicKey: 'k', customerId: 'u', variables: { a: [1, null] } },
    call: { timeoutMs: 1_200, surface: 'chat', transport: 'connect' },
    handle: async (request, { caller, deadline, surface, transport, requestId }) => {
      seen = { request, call: { caller, deadline, surface, transport, requestId } };
      return ANSWER;
    },
  });
  await start();
  assert.equal(seen, {
    request: {
      ...{ publicKey: 'k', customerId: 'u', customerToken: '', locale: '', variables: { a: [1, null] } },
      ...{ attributes: undefined, continueLatest: false, customerVerified: false, ttl: undefined },
    },
    call: {
      caller: AGENT,
      deadline: START + 1_200,
      surface: 'chat',
      transport: 'connect',
      requestId: 'request-1',
    },
  });
});

const DEADLINES: readonly (readonly [name: string, timeoutMs: number, deadline: number])[] = [
  ['none asked for', Number.POSITIVE_INFINITY, MAX_CALL_MS],
  ['less than the maximum', 100, 100],
  ['more than the maximum', 60_000, MAX_CALL_MS],
];
for (const [name, timeoutMs, deadline] of DEADLINES) {
  test(`deadline: ${name}`, async () => {
    let seen = 0;
    const { start } = rig({
      call: { timeoutMs },
      handle: async (_request, call) => {
        seen = call.deadline;
        return ANSWER;
      },
    });
    await start();
    assert.is(seen, START + deadline);
  });
}

const THROWN: readonly (readonly [name: string, thrown: unknown, logged: RegExp])[] = [
  ['an Error', new TypeError('driver says 10.1.2.3'), /driver says 10\.1\.2\.3/],
  ['a string', 'driver says 10.1.2.3', /driver says 10\.1\.2\.3/],
  ['undefined', undefined, /"code":"internal"/],
  ['null', null, /"code":"internal"/],
];
for (const [name, thrown, logged] of THROWN) {
  test(`a handler that throws ${name}: internal for the caller, the cause for the log`, async () => {
    const { start, lines } = rig({ handle: () => Promise.reject(thrown) });
    const error = await refusal(start());
    assert.equal([error.code, error.message], ['internal', 'Something went wrong on our side.']);
    assert.is(error.cause, thrown);
    assert.is(lines.length, 1);
    assert.match(lines[0] ?? '', logged);
  });
}

test('a handler that throws instead of rejecting is no different', async () => {
  const { start } = rig({
    handle: () => {
      throw new Error('at once');
    },
  });
  assert.is((await refusal(start())).code, 'internal');
});

for (const step of ['authenticate', 'read', 'rules'] as const) {
  test(`a mistake of ours in ${step} is internal too`, async () => {
    const { start } = rig({
      [step]: () => {
        throw new TypeError('x is not a function');
      },
    });
    const error = await refusal(start());
    assert.equal([error.code, error.message], ['internal', 'Something went wrong on our side.']);
  });
}

test("a handler's ServiceError goes to the caller as it is", async () => {
  const error = new ServiceError('widget_disabled', 'This widget is not available.');
  const { start } = rig({ handle: () => Promise.reject(error) });
  assert.is(await refusal(start()), error);
});

const LEVELS: readonly (readonly [code: string, level: number, handle: Handle])[] = [
  ['ok', 20, async () => ANSWER],
  ['widget_disabled', 30, () => Promise.reject(new ServiceError('widget_disabled', 'No.'))],
  ['unavailable', 40, () => Promise.reject(new ServiceError('unavailable', 'Later.'))],
  ['deadline_exceeded', 40, () => Promise.reject(new ServiceError('deadline_exceeded', 'Late.'))],
  ['internal', 50, () => Promise.reject(new Error('x'))],
];
for (const [code, level, handle] of LEVELS) {
  test(`one line a call: ${code}`, async () => {
    const { start, clock, logged } = rig({
      handle: (request, call) => {
        clock.now += 12;
        return handle(request, call);
      },
    });
    await start().catch(() => {});
    const [line, ...others] = logged();
    assert.equal(others, []);
    const { rpc, transport, requestId, caller, ms } = line ?? {};
    assert.equal(
      { level: line?.['level'], code: line?.['code'], rpc, transport, requestId, caller, ms },
      { level, code, rpc: 'OpenSession', transport: 'grpc', requestId: 'request-1', caller: 'agent', ms: 12 },
    );
  });
}

test('a call without a caller logs none', async () => {
  for (const authenticate of [
    () => undefined,
    () => {
      throw new ServiceError('unauthenticated', 'No token.');
    },
  ]) {
    const { start, logged } = rig({ authenticate });
    await start().catch(() => {});
    assert.not('caller' in (logged()[0] ?? {}));
  }
});

const OUTCOMES: readonly (readonly [name: string, setting: Setting])[] = [
  ['an answer', {}],
  ['broken rules', { rules: () => [{ field: 'locale', rule: 'r', message: 'm' }] }],
  ['a refusal', { handle: () => Promise.reject(new ServiceError('widget_disabled', 'No.')) }],
  ['a failure', { handle: () => Promise.reject(new Error('x')) }],
  [
    'an outage',
    { handle: () => Promise.reject(new ServiceError('unavailable', 'Later.', {}, new Error('x'))) },
  ],
];
for (const [name, setting] of OUTCOMES) {
  test(`the log holds nothing of the request, its headers or its answer: ${name}`, async () => {
    const { start, lines } = rig({
      ...setting,
      request: {
        publicKey: SECRETS.publicKey,
        customerId: SECRETS.customerId,
        variables: { a: SECRETS.variable },
      },
      call: { header: (header) => new Map(Object.entries(SECRETS)).get(header) },
    });
    await start().catch(() => {});
    assert.is(lines.length, 1);
    assert.not.match(lines.join(''), SECRET);
  });
}

/** The driver hangs what it was to write on its errors: a WriteError, and a MongoBulkWriteError around it. */
class WriteError {
  readonly code = 121;
  toJSON(): object {
    return { code: 121, errmsg: 'Document failed validation', op: { customerId: SECRETS.customerId } };
  }
}
const CAUSES: readonly (readonly [name: string, cause: unknown])[] = [
  ['a WriteError', new WriteError()],
  [
    'a MongoBulkWriteError',
    Object.assign(new Error('Document failed validation'), { code: 121, writeErrors: [new WriteError()] }),
  ],
  [
    'an error with a cause',
    new Error('outer', { cause: Object.assign(new Error('inner'), { op: SECRETS }) }),
  ],
];
for (const [name, cause] of CAUSES) {
  test(`the log says what failed, without the document that ${name} carries`, async () => {
    const failed = new ServiceError('internal', 'Something went wrong on our side.', {}, cause);
    const { start, lines } = rig({ handle: () => Promise.reject(failed) });
    await refusal(start());
    assert.match(lines.join(''), /121|outer/);
    assert.not.match(lines.join(''), SECRET);
  });
}

const timed = suite('deadline of a call');
timed.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
timed.after.each(() => mock.timers.reset());

/** Lets everything that waits for promises alone go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A handler that the test ends by hand. */
function slow() {
  const end: { answer: (response: OpenSessionResponse) => void; fail: (error: unknown) => void } = {
    answer: () => {},
    fail: () => {},
  };
  const handle: Handle = () =>
    new Promise((resolve, reject) => {
      end.answer = resolve;
      end.fail = reject;
    });
  return { handle, end };
}

const LATE: readonly (readonly [name: string, timeoutMs: number, ms: number])[] = [
  ['by the caller', 300, 300],
  ['by the maximum', Number.POSITIVE_INFINITY, MAX_CALL_MS],
  ['by the maximum, though the caller has more time', 60_000, MAX_CALL_MS],
];
for (const [name, timeoutMs, ms] of LATE) {
  timed(`${name}: the call is given up just then`, async () => {
    const { handle } = slow();
    const { start, clock, logged } = rig({ call: { timeoutMs }, handle });
    let settled = false;
    const answer = refusal(start()).finally(() => {
      settled = true;
    });
    await settle();
    mock.timers.tick(ms - 1);
    await settle();
    assert.not.ok(settled);
    clock.now += ms;
    mock.timers.tick(1);
    assert.is((await answer).code, 'deadline_exceeded');
    assert.equal(
      logged().map(({ code, ms: took }) => [code, took]),
      [['deadline_exceeded', ms]],
    );
  });
}

for (const timeoutMs of [0, -1]) {
  timed(`a caller with ${timeoutMs} ms left: the handler is not asked`, async () => {
    const { start, done } = rig({ call: { timeoutMs } });
    assert.is((await refusal(start())).code, 'deadline_exceeded');
    assert.equal(done, ['read', 'rules']);
  });
}

const AFTERWARDS: readonly (readonly [
  name: string,
  finish: (end: ReturnType<typeof slow>['end']) => void,
])[] = [
  ['answers', (end) => end.answer(ANSWER)],
  ['fails', (end) => end.fail(new Error('too late'))],
];
for (const [name, finish] of AFTERWARDS) {
  timed(`a handler that ${name} after the deadline changes nothing`, async () => {
    const { handle, end } = slow();
    const { start, lines } = rig({ call: { timeoutMs: 100 }, handle });
    const answer = refusal(start());
    await settle();
    mock.timers.tick(100);
    assert.is((await answer).code, 'deadline_exceeded');
    // An unhandled rejection would fail this file.
    finish(end);
    await settle();
    assert.is(lines.length, 1);
  });
}

timed(
  'one call too many is refused at once, until the work of another is over, answered or not',
  async () => {
    const { handle, end } = slow();
    const { start, done } = rig({ call: { timeoutMs: 100 }, handle, maxInFlight: 1 });
    const first = refusal(start());
    await settle();
    const { code, details } = await refusal(start());
    assert.equal([code, details.retryAfterSeconds], ['unavailable', 1]);
    assert.equal(done, ['read', 'rules', 'handle']);

    // It has its answer; its work goes on.
    mock.timers.tick(100);
    assert.is((await first).code, 'deadline_exceeded');
    assert.is((await refusal(start())).code, 'unavailable');

    end.answer(ANSWER);
    await settle();
    const last = start();
    await settle();
    end.answer(ANSWER);
    assert.is(await last, ANSWER);
  },
);

timed(
  'the signal says why the work is not wanted any more: its deadline, or a caller that hung up',
  async () => {
    for (const [end, reason] of [
      [() => mock.timers.tick(100), 'deadline'],
      [(hangUp: () => void) => hangUp(), 'caller_gone'],
    ] as const) {
      let hangUp = () => {};
      let signal: CallSignal | undefined;
      const { handle } = slow();
      const { start } = rig({
        call: {
          timeoutMs: 100,
          onGone: (listener) => {
            hangUp = listener;
          },
        },
        handle: (request, call) => {
          signal = call.signal;
          return handle(request, call);
        },
      });
      start().catch(() => {});
      await settle();
      assert.is(signal?.aborted, false);
      end(hangUp);
      assert.is(signal?.reason, reason);
    }
  },
);

timed('a stop is told to calls that may take long, and to them alone', async () => {
  for (const [maxCallMs, reason] of [
    [60_000, 'stopping'],
    [undefined, undefined],
  ] as const) {
    let signal: CallSignal | undefined;
    const { handle } = slow();
    const { start, stop } = rig({
      maxCallMs,
      handle: (request, call) => {
        signal = call.signal;
        return handle(request, call);
      },
    });
    start().catch(() => {});
    await settle();
    stop();
    assert.is(signal?.reason, reason);
  }
});

timed('an answer in time leaves no timer behind', async () => {
  const { handle, end } = slow();
  const { start, lines } = rig({ call: { timeoutMs: 100 }, handle });
  const answer = start();
  await settle();
  end.answer(ANSWER);
  assert.is(await answer, ANSWER);
  mock.timers.tick(10_000);
  await settle();
  assert.is(lines.length, 1);
});
