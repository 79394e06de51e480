import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { ChatSessions } from '../../src/gen/protobuf-es/chatsessions/v1/chat_sessions_pb.js';
import {
  ChatSessionsService,
  type OpenSessionRequest,
} from '../../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import type { Call } from '../../src/rpc/call.js';
import { createCallLog } from '../../src/rpc/call-log.js';
import { type ErrorCode, ServiceError } from '../../src/rpc/errors.js';
import { defineRpc } from '../../src/rpc/rpc.js';
import { LINES_PER_SECOND } from '../../src/telemetry/bounded-line.js';
import { createLog } from '../../src/telemetry/log.js';

const test = suite('call log');

const rpc = defineRpc({
  method: ChatSessions.method.openSession,
  codec: ChatSessionsService.openSession,
  scope: 'open',
  rules: () => [],
  handle: (_: OpenSessionRequest) => Promise.reject(new Error('not called')),
});

function rig() {
  const lines: Record<string, unknown>[] = [];
  const callLog = createCallLog(
    createLog('info', { write: (line) => lines.push(JSON.parse(line)) }),
    () => 0,
  );
  const call = (timeoutMs = Number.POSITIVE_INFINITY): Call => ({
    ...{ surface: 'chat', transport: 'connect', requestId: 'r' },
    timeoutMs,
    header: () => undefined,
  });
  const refused = (code: ErrorCode, { cause, timeoutMs }: { cause?: unknown; timeoutMs?: number } = {}) =>
    callLog.refused(
      { rpc, call: call(timeoutMs), start: 0, caller: undefined },
      new ServiceError(code, 'No.', {}, cause),
    );
  return { lines, callLog, refused };
}

const FLOODS: readonly (readonly [name: string, flood: (rigged: ReturnType<typeof rig>) => void])[] = [
  ['refusals', ({ refused }) => refused('widget_disabled')],
  ['outages', ({ refused }) => refused('unavailable', { cause: new Error('no server') })],
  ['deadlines', ({ refused }) => refused('deadline_exceeded')],
  ['mistakes of ours', ({ refused }) => refused('internal', { cause: new Error('x') })],
  ['early refusals', ({ callLog }) => callLog.refusedEarly({ transport: 'http', code: 'not_found' })],
  ['early outages', ({ callLog }) => callLog.refusedEarly({ transport: 'http', code: 'unavailable' })],
  ['answers that cannot be given', ({ callLog }) => callLog.failed(new Error('x'))],
];
for (const [name, flood] of FLOODS) {
  test(`a flood of ${name} leaves ${LINES_PER_SECOND} lines, and hides nothing else`, () => {
    const rigged = rig();
    for (let n = 0; n < 1_000; n++) flood(rigged);
    assert.is(rigged.lines.length, LINES_PER_SECOND);
    for (const [other, one] of FLOODS) {
      const before = rigged.lines.length;
      one(rigged);
      const isSameKind =
        other === name || [name, other].every((kind) => kind === 'outages' || kind === 'deadlines');
      assert.is(rigged.lines.length, isSameKind ? before : before + 1, other);
    }
  });
}

test('of an outage the cause is logged, without a stack trace; of a mistake of ours with it', () => {
  const { lines, refused } = rig();
  refused('unavailable', { cause: new Error('no server', { cause: new Error('ECONNREFUSED') }) });
  assert.equal(lines[0]?.['cause'], {
    ...{ type: 'Error', message: 'no server' },
    cause: { type: 'Error', message: 'ECONNREFUSED' },
  });
  refused('internal', { cause: new Error('x') });
  assert.match(JSON.stringify(lines[1]?.['err']), 'call-log.test');
});

const LEVELS: readonly (readonly [name: string, timeoutMs: number, level: number])[] = [
  ['of ours is a failure', Number.POSITIVE_INFINITY, 40],
  ['that the caller chose is a refusal', 1, 30],
  ['of nothing is a refusal', 0, 30],
];
for (const [name, timeoutMs, level] of LEVELS) {
  test(`a deadline ${name}`, () => {
    const { lines, refused } = rig();
    refused('deadline_exceeded', { timeoutMs });
    assert.is(lines[0]?.['level'], level);
  });
}
