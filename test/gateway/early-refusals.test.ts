import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, until } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../src/rpc/errors.js';
import { startTestApp, type TestApp } from '../harness/app.js';
import { listening } from './test-gateway.js';

const test = suite('early refusals');

/** Sends text as it is. @returns what comes back until the connection is closed, by either side */
async function exchange(port: number, text: string): Promise<string> {
  let received = '';
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk;
    if (/\}$/.test(received)) socket.destroy();
  });
  socket.write(Buffer.from(text, 'latin1'));
  await until('the connection is closed', async () => socket.destroyed);
  return received;
}

const CASES: readonly (readonly [name: string, text: string, status: number, code: ErrorCode])[] = [
  ['no such path', 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'not_found'],
  ['another method', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 405, 'method_not_allowed'],
  ['too large', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n', 413, 'payload_too_large'],
  [
    'a packing that is not known',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n',
    415,
    'unsupported_encoding',
  ],
  ['an expectation', 'POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 417, 'expectation_failed'],
  [
    'large headers',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'invalid_input'],
  ['no Host', 'POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n', 400, 'invalid_input'],
  ['a proxy', 'CONNECT acme.com:443 HTTP/1.1\r\nHost: acme.com\r\n\r\n', 405, 'method_not_allowed'],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'invalid_input',
  ],
];
for (const [name, text, status, code] of CASES) {
  test(`${name}: ${status}, answered as JSON and logged once`, async () => {
    const { port, refusals, close } = await listening();
    try {
      const received = await exchange(port, text);
      assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*"error":"${code}"`));
      assert.equal(
        refusals.map((refusal) => refusal.code),
        [code],
      );
    } finally {
      await close();
    }
  });
}

test('a client that does not close after its refusal is closed', async () => {
  const { port, close } = await listening();
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  let isClosed = false;
  socket.on('close', () => {
    isClosed = true;
  });
  try {
    socket.resume().write('GARBAGE\r\n\r\n');
    await until('the connection is closed', async () => {
      // A write finds out that the other end is gone.
      if (!socket.destroyed) socket.write('x');
      return isClosed;
    });
  } finally {
    socket.destroy();
    await close();
  }
});

const running = suite('early refusals of the service');
let service: TestApp;
running.before(async () => {
  service = await startTestApp();
});
running.after(() => service.close());

const PATHS = ['/api/public/v1/chat/sessions', '/chatsessions.v1.ChatSessions/OpenSession'];
const BODY = '{"publicKey":"pk_live_00000000000000000000000000000005"}';
const HOSTS: readonly (readonly [headers: string, status: number])[] = [
  ...['', 'x', 'x:99999', 'acme.com:', '[::1]:8080', '%41.com', 'x'.repeat(4_000)].map(
    (host) => [`Host: ${host}\r\n`, 200] as const,
  ),
  ...['%', '%4', '[', '[]', '[::1', 'a b', 'a/b', 'x@y', 'x:y', '\u00ff', '../..', 'x\tx'].map(
    (host) => [`Host: ${host}\r\n`, 400] as const,
  ),
  ['', 400],
  ['Host: x\r\nHOST: x\r\n', 400],
];
for (const path of PATHS) {
  running(`a Host header that is no host is refused, and never a 500: ${path}`, async () => {
    const port = Number(new URL(service.httpUrl).port);
    for (const [headers, status] of HOSTS) {
      const head = `POST ${path} HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;
      const received = await exchange(port, head + BODY);
      assert.is(received.slice(9, 12), String(status), headers);
    }
    assert.not.match(service.logged().join(''), 'stack');
  });
}

running(
  "a Connect request that is none is logged, and so is a media type that is not Connect's",
  async () => {
    const [, path = ''] = PATHS;
    const port = Number(new URL(service.httpUrl).port);
    const before = service.logged().length;
    const post = (type: string, body: string) =>
      exchange(
        port,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    await post('application/json', '{"publicKey":1}');
    await post('text/plain', '{}');
    const lines = service.logged().slice(before);
    assert.equal(
      lines.map((line) => JSON.parse(line)).map(({ msg, code }) => `${msg}: ${code}`),
      ['call refused: invalid_input', 'request refused: unsupported_media_type'],
    );
  },
);

/** Opens a connection. @returns it, and whether the other end has closed it */
function dial(port: number) {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  let isClosed = false;
  socket.resume().on('close', () => {
    isClosed = true;
  });
  return { socket, isClosed: () => isClosed };
}

test('with all connections in use another one is closed, and logged; one that waits for nothing makes room', async () => {
  let begun = 0;
  let gone = 0;
  const { port, refusals, close } = await listening({
    maxConnections: 2,
    pipeline: {
      invoke: (_rpc, _request, { onGone }) => {
        begun++;
        onGone?.(() => gone++);
        return new Promise(() => {});
      },
    },
  });
  const dialled = [dial(port), dial(port)];
  try {
    for (const { socket } of dialled) socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await until('both wait for an answer', async () => begun === 2);
    const third = dial(port);
    await until('the third is closed', async () => third.isClosed());
    await until('it is logged', async () => refusals.length === 1);
    assert.equal(refusals[0], {
      ...{ transport: 'http', code: 'unavailable', reason: '2 connections are open', count: 1 },
    });

    dialled[0]?.socket.destroy();
    await until('its call is over', async () => gone === 1);
    const idle = dial(port);
    await once(idle.socket, 'connect');
    const fifth = dial(port);
    await until('the idle one is closed', async () => idle.isClosed());
    assert.not(fifth.isClosed());
    fifth.socket.destroy();
  } finally {
    for (const { socket } of dialled) socket.destroy();
    await close();
  }
});
