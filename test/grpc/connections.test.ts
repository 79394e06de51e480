import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { suite, tempDir, until } from '@chatsessions/test-harness';
import { ServerCredentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { GrpcBounds } from '../../src/grpc/bounds.js';
import { makeAuthority, whyNoCertificates } from '../harness/certificates.js';
import { callHeaders, frame, PREFACE, sendBytes } from './http2-frames.js';
import { answerAfter, callByHand, PATH, REQUEST_MESSAGE, type Rig, startRig } from './rig.js';

const test = suite('gRPC connections');

const OK = '0';

const rigs: Rig[] = [];
test.after.each(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(bounds?: Partial<GrpcBounds>, credentials?: ServerCredentials): Promise<Rig> {
  const rig = await startRig(bounds, credentials && { credentials });
  rigs.push(rig);
  return rig;
}

/** What breaks a connection; after most of these Node neither reads from its socket nor closes it. */
const BROKEN: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['data of a stream that was never opened', frame(0, 0, 1, Buffer.from('x'))],
  ['a frame that is too large', frame(0, 0, 1, Buffer.alloc(10), 20_000)],
  ['CONTINUATION of nothing', frame(9, 4, 1, Buffer.from('x'))],
  ['headers that are no HPACK', frame(1, 4, 1, Buffer.alloc(6, 0xff))],
  ['settings of a wrong length', frame(4, 0, 0, Buffer.alloc(5))],
  ['RST_STREAM of a stream that was never opened', frame(3, 0, 1, Buffer.alloc(4))],
  ['GOAWAY with an error', frame(7, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))],
];
for (const [name, bytes] of BROKEN) {
  test(`${name}: the socket is closed, though its client keeps it open`, async () => {
    const { port } = await start();
    const { closed } = await sendBytes(port, Buffer.concat([PREFACE, bytes]));
    await closed;
  });
}

test('a broken connection with an open call is closed when the call is cut off', async () => {
  const { port } = await start({ requestMs: 200 });
  const bytes = Buffer.concat([PREFACE, callHeaders(1, PATH), frame(9, 4, 1, Buffer.from('x'))]);
  const { closed } = await sendBytes(port, bytes);
  await closed;
});

test('a client breaks its connection, is gone, and comes again from the same port: both are closed', async () => {
  const { port, connect } = await start({ maxConnections: 2, requestMs: 60_000 });
  const broken = Buffer.concat([PREFACE, frame(9, 4, 1, Buffer.from('x'))]);
  const { socket: first } = await sendBytes(port, broken);
  const { localPort } = first;
  await new Promise((resolve) => setTimeout(resolve, 10));
  first.resetAndDestroy();
  const { socket: second } = await sendBytes(port, broken, localPort);
  second.resetAndDestroy();
  // They had both places. Each of the next two keeps its own: a call that does not end is under way.
  for (let n = 0; n < 2; n++) {
    await until('a place is free', async () => {
      const session = connect();
      void callByHand(session, [], { end: false });
      return (await callByHand(session, [REQUEST_MESSAGE])).status === OK;
    });
  }
});

for (const [name, bytes] of [
  ['says nothing', Buffer.alloc(0)],
  ['sends half the preface', PREFACE.subarray(0, 10)],
  ['sends the preface without settings', PREFACE.subarray(0, 24)],
] as const) {
  test(`a client that ${name} is cut off when its time is over`, async () => {
    const { port, refusals } = await start({ openingMs: 200 });
    const { closed } = await sendBytes(port, bytes);
    await closed;
    assert.equal(
      refusals.map(({ code, count }) => [code, count]),
      [['unavailable', 1]],
    );
  });
}

test('a client that is quiet, and one whose call takes long, keep their connections', async () => {
  const openingMs = 1_000;
  const rig = await startRig({ openingMs }, { handle: () => answerAfter(1.6 * openingMs) });
  rigs.push(rig);
  const [quiet, waiting] = [rig.connect(), rig.connect()];
  const slow = callByHand(waiting, [REQUEST_MESSAGE]);
  await new Promise((resolve) => setTimeout(resolve, 1.5 * openingMs));
  assert.is((await slow).status, OK);
  assert.is((await callByHand(quiet, [REQUEST_MESSAGE])).status, OK);
  assert.equal(rig.refusals, []);
});

test('connections over the cap are closed and reported together; a place that is free is taken', async () => {
  const { port, connect, refusals } = await start({ maxConnections: 2, openingMs: 60_000 });
  const held = [await sendBytes(port, Buffer.alloc(0)), await sendBytes(port, Buffer.alloc(0))];
  for (let n = 0; n < 3; n++) await (await sendBytes(port, PREFACE)).closed;
  // One report, unless the machine took more than a second for the three.
  const reported = () => refusals.reduce((sum, { count = 1 }) => sum + count, 0);
  await until('all are reported', async () => reported() === 3);
  for (const { count: _, ...refusal } of refusals) {
    assert.equal(refusal, { transport: 'grpc', code: 'unavailable', reason: '2 connections are open' });
  }

  held[0]?.socket.destroy();
  await until('its place is taken', async () => {
    return (await callByHand(connect(), [REQUEST_MESSAGE])).status === OK;
  });
});

test('when the port is full, a connection without calls makes room for a new one', async () => {
  const { connect, refusals } = await start({ maxConnections: 2 });
  const idle = [connect(), connect()];
  for (const session of idle) assert.is((await callByHand(session, [REQUEST_MESSAGE])).status, OK);
  const gone = Promise.race(idle.map((session) => once(session, 'close')));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.is((await callByHand(connect(), [REQUEST_MESSAGE])).status, OK);
  await gone;
  assert.equal(refusals, []);
});

const reason = whyNoCertificates();
if (reason === undefined) {
  test('over TLS: a handshake that does not end is cut off, and one that does is served', async () => {
    const authority = makeAuthority(await tempDir());
    const { cert, key } = authority.issue('server', '/CN=chatsessions');
    const tls = ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }], false);
    const { port } = await start({ openingMs: 1_000 }, tls);
    const silent = await sendBytes(port, Buffer.from([0x16, 0x03, 0x01]));
    await silent.closed;

    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.cert, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.write(PREFACE);
    const closed = once(socket, 'close').then(() => 'closed');
    const later = new Promise((resolve) => setTimeout(resolve, 1_500, 'open'));
    assert.is(await Promise.race([closed, later]), 'open');
    // A broken connection is closed over TLS too.
    socket.resume();
    socket.write(frame(9, 4, 1, Buffer.from('x')));
    await closed;
  });
} else test.skip('over TLS', reason);
