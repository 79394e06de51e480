import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { promisify } from 'node:util';
import { isInstalled, suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { readDescriptorSet } from '../../src/grpc/reflection.js';
import { callByHand, message, startRig } from './rig.js';

const test = suite('gRPC health and reflection');

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

/** A message with one string: field 1 of HealthCheckRequest, field 7 (list_services) of ServerReflectionRequest. */
const stringField = (field: number, text: string) =>
  message(Buffer.concat([Buffer.from([field * 8 + 2, text.length]), Buffer.from(text)]));
const health = (name: string) => stringField(1, name);
const LIST = stringField(7, '*');

const to = (path: string) => ({ headers: { ':path': path } });

const checks = [
  ['the server', '', '0'],
  ['a service', 'chatsessions.v1.ChatSessions', '0'],
  ['an unknown service', 'chatsessions.v1.Nothing', '5'],
] as const;
for (const [what, name, status] of checks) {
  test(`Check of ${what} answers status ${status}, without credentials`, async () => {
    const rig = await startRig();
    const ending = await callByHand(rig.connect(), [health(name)], to(CHECK));
    assert.is(ending.status, status);
    assert.is(ending.acceptEncoding, 'identity');
    await rig.close();
  });
}

test('Check refuses a name that is too long', async () => {
  const rig = await startRig();
  const ending = await callByHand(rig.connect(), [message(Buffer.alloc(300))], to(CHECK));
  assert.is(ending.reason, 'payload_too_large');
  await rig.close();
});

for (const name of ['', 'chatsessions.v1.Nothing']) {
  test(`Watch of "${name}" ends with UNAVAILABLE when the server stops`, async () => {
    const rig = await startRig();
    // Not the rig's own: those end before its server.
    const session = connect(`http://127.0.0.1:${rig.port}`);
    const stream = session.request({
      ...{ ':method': 'POST', ':path': WATCH, 'content-type': 'application/grpc', te: 'trailers' },
    });
    const statuses: (number | undefined)[] = [];
    stream.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += 7) statuses.push(bytes[at + 6]);
    });
    stream.end(health(name));
    const trailers = once(stream, 'trailers');
    await once(stream, 'data');
    const closed = rig.close();
    const [{ 'grpc-status': status }] = await trailers;
    assert.is(status, '14');
    // SERVING, NOT_SERVING; SERVICE_UNKNOWN.
    assert.equal(statuses, name === '' ? [1, 2] : [3]);
    await closed;
    session.destroy();
  });
}

test('watches are limited, and their places come back', async () => {
  const rig = await startRig();
  const open = rig.connect();
  const watch = () => callByHand(open, [health('')], to(WATCH));
  const watches = Array.from({ length: 100 }, watch);
  assert.is((await watch()).reason, 'unavailable');
  open.destroy();
  await Promise.all(watches);
  // Refused, if the places had not come back.
  const session = rig.connect();
  const again = callByHand(session, [health('')], to(WATCH));
  await callByHand(session, [health('')], to(CHECK));
  await rig.close();
  assert.is((await again).reason, undefined);
});

test('without descriptors there is no reflection', async () => {
  const rig = await startRig();
  assert.is((await callByHand(rig.connect(), [LIST], to(REFLECTION))).status, '12');
  await rig.close();
});

/** A server with reflection. */
async function startReflecting(bounds = {}) {
  const descriptors = await readDescriptorSet();
  assert.ok(descriptors, 'npm run build writes dist/chatsessions.binpb');
  return startRig(bounds, { descriptors });
}

test('a reflection stream takes several requests', async () => {
  const rig = await startReflecting();
  assert.is((await callByHand(rig.connect(), [LIST, LIST, LIST], to(REFLECTION))).status, '0');
  await rig.close();
});

test('a reflection stream is cut off when its requests are too large together', async () => {
  const rig = await startReflecting();
  const parts = Array.from({ length: 20 }, () => message(Buffer.alloc(1024)));
  await callByHand(rig.connect(), parts, { ...to(REFLECTION), end: false });
  assert.equal(
    rig.refusals.map(({ code }) => code),
    ['payload_too_large'],
  );
  await rig.close();
});

test('a reflection stream is cut off after the time of a request', async () => {
  const rig = await startReflecting({ requestMs: 100 });
  await callByHand(rig.connect(), [LIST], { ...to(REFLECTION), end: false });
  assert.equal(
    rig.refusals.map(({ code }) => code),
    ['request_timeout'],
  );
  await rig.close();
});

test('a compressed or broken reflection request does no harm', async () => {
  const rig = await startReflecting();
  const session = rig.connect();
  for (const part of [message(Buffer.from('x'), 1), message(Buffer.from([0xff]))]) {
    const { status } = await callByHand(session, [LIST, part], to(REFLECTION));
    assert.ok(status !== '0', `status ${status}`);
  }
  assert.is((await callByHand(session, [LIST], to(REFLECTION))).status, '0');
  await rig.close();
});

const described = [
  ['list', 'chatsessions.v1.ChatSessions\n'],
  ['describe chatsessions.v1.ChatSessions', 'rpc OpenSession'],
  ['describe google.protobuf.Struct', 'map<string, .google.protobuf.Value> fields = 1;'],
  ['describe google.rpc.ErrorInfo', 'map<string, string> metadata = 3;'],
] as const;
for (const [args, text] of described) {
  const name = `grpcurl ${args}`;
  if (!isInstalled('grpcurl')) {
    test.skip(name, 'grpcurl is not on the PATH');
    continue;
  }
  test(name, async () => {
    const rig = await startReflecting();
    const { stdout } = await promisify(execFile)('grpcurl', [
      ...['-plaintext', `127.0.0.1:${rig.port}`, ...args.split(' ')],
    ]);
    assert.ok(stdout.includes(text), stdout);
    await rig.close();
  });
}
