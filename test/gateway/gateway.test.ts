import { once } from 'node:events';
import { connect } from 'node:net';
import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { startTestApp, type TestApp } from '../harness/app.js';
import { sendHttp } from '../parity/transports.js';
import { listening, testEndpoint } from './test-gateway.js';

const PATH = '/api/public/v1/chat/sessions';
const RPC = '/chatsessions.v1.ChatSessions/OpenSession';
const BODY = '{"publicKey":"pk_live_00000000000000000000000000000005"}';

const test = suite('gateway');
let service: TestApp;
test.before(async () => {
  service = await startTestApp();
});
test.after(() => service.close());

/** Sends bytes as they are, and reads until the server closes or `until` came. */
async function raw(
  url: string,
  parts: readonly (string | Buffer)[],
  until = /\r\n\r\n[\s\S]*\}$/,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
    if (until.test(received)) socket.end();
  });
  for (const part of parts) socket.write(part);
  const [failed] = await once(socket, 'close');
  assert.not(failed, `the connection was reset after: ${received}`);
  return received;
}

const send = (path: string, method: string, headers: Record<string, string> = {}, body = '') =>
  sendHttp(`${service.httpUrl}${path}`, { method, headers, body: Buffer.from(body) });

for (const path of [PATH, RPC]) {
  test(`a preflight is answered for any origin: ${path}`, async () => {
    const answer = await send(path, 'OPTIONS', {
      origin: 'https://anybody.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,idempotency-key',
    });
    assert.is(answer.status, 204);
    assert.is(answer.headers['access-control-allow-origin'], 'https://anybody.example');
    assert.is(answer.headers['access-control-allow-methods'], 'POST');
    assert.is(answer.headers['access-control-allow-credentials'], undefined);
    assert.is(answer.headers.vary, 'Origin');
    const allowed = String(answer.headers['access-control-allow-headers']).toLowerCase().split(', ');
    const needed =
      'authorization content-type idempotency-key x-request-id traceparent tracestate baggage connect-protocol-version connect-timeout-ms';
    for (const name of needed.split(' ')) assert.ok(allowed.includes(name), name);
  });
}

test('OPTIONS that is no preflight says what a path takes', async () => {
  const answer = await send(PATH, 'OPTIONS');
  assert.is(answer.status, 204);
  assert.is(answer.headers.allow, 'POST, OPTIONS');
});

const NOWHERE: readonly (readonly [string, string])[] = [
  ['/', 'GET'],
  ['/api/public/v1/chat/sessions/', 'POST'],
  ['/api/public/v1/chat/Sessions', 'POST'],
  ['/api/public/v1/chat/sessions%2f', 'POST'],
  ['//api/public/v1/chat/sessions', 'POST'],
  ['/chatsessions.v1.ChatSessions/OpenSession/x', 'OPTIONS'],
];
for (const [path, method] of NOWHERE) {
  test(`nothing at ${method} ${path}`, async () => {
    const answer = await send(
      path,
      method,
      { origin: 'https://acme.com', 'content-type': 'application/json' },
      BODY,
    );
    assert.is(answer.status, 404);
    assert.equal(JSON.parse(answer.body.toString()), {
      error: 'not_found',
      message: 'There is nothing at this path.',
      details: {},
    });
    assert.is(answer.headers['access-control-allow-origin'], 'https://acme.com');
  });
}

const NO_RPC = [
  '/chatsessions.v1.ChatSessions/NoSuchRpc',
  '/chatsessions.v1.ChatSessions/openSession',
  '/chatsessions.v2.ChatSessions/OpenSession',
  '/a.B/C?encoding=json&message=%7B%7D',
];
for (const path of NO_RPC) {
  for (const method of ['POST', 'GET']) {
    test(`no RPC at ${method} ${path}: told in the form of Connect`, async () => {
      const headers = { origin: 'https://acme.com', 'content-type': 'application/json' };
      const answer = await send(path, method, headers, method === 'POST' ? BODY : '');
      assert.is(answer.status, 404);
      assert.equal(JSON.parse(answer.body.toString()), {
        code: 'unimplemented',
        message: 'There is no such RPC here.',
      });
      assert.is(answer.headers['access-control-allow-origin'], 'https://acme.com');
      assert.is(answer.headers['cache-control'], 'no-store');
    });
  }
}

test('a query string is no part of the path', async () => {
  const answer = await send(`${PATH}?utm=1`, 'POST', { 'content-type': 'application/json' }, BODY);
  assert.is(answer.status, 200);
});

/** Sends a request target as it is, which Node's client would not. @returns the status line and the headers */
async function headOf(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body = '',
): Promise<string> {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', body];
  const received = await raw(service.httpUrl, [lines.join('\r\n')], /\r\n\r\n/);
  return received.slice(0, received.indexOf('\r\n\r\n'));
}

const CURRENT = `${PATH}/current`;
const GET_RPC = '/chatsessions.v1.ChatSessions/GetSession';
for (const target of [CURRENT, `${GET_RPC}?encoding=json&message=%7B%7D`, '/nowhere', PATH]) {
  test(`HEAD has the headers of GET, and no body: ${target}`, async () => {
    const origin = { origin: 'https://acme.com', 'x-request-id': 'r-1' };
    const [get, head] = [await send(target, 'GET', origin), await send(target, 'HEAD', origin)];
    assert.is(head.status, get.status);
    assert.is(head.body.length, 0);
    assert.equal({ ...head.headers, date: '' }, { ...get.headers, date: '' });
    assert.is(head.headers['content-length'], String(get.body.length));
  });
}

test('HEAD is not taken where GET is not', async () => {
  const answer = await send(PATH, 'HEAD');
  assert.is(answer.status, 405);
  assert.is(answer.headers.allow, 'POST, OPTIONS');
});

const POST_LINES = ['Content-Type: application/json', `Content-Length: ${BODY.length}`];
const TARGETS: readonly (readonly [target: string, status: number])[] = [
  ...['http://x', 'https://acme.com:8080', 'HTTP://[::1]', 'http://'].map(
    (authority) => [`${authority}${PATH}`, 200] as const,
  ),
  [`http://x${RPC}?a=/b`, 200],
  ['http://x', 404],
  [`ftp://x${PATH}`, 404],
  [PATH.replace('-', '%2D').replace('s', '%73').replace('v1', '%76%31'), 200],
  [PATH.replaceAll(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`), 200],
  [RPC.replaceAll('.', '%2e').replace('O', '%4F'), 200],
  [`http://x${PATH.replace('p', '%70')}?x=%2F`, 200],
  [PATH.replaceAll('/', '%2F').replace('%2F', '/'), 404],
  [`${PATH}%20`, 404],
  [`${PATH}%00`, 404],
  [PATH.replace('a', '%2561'), 404],
  [`${PATH}%`, 404],
  [`${PATH}%zz`, 404],
  [`${PATH}/%2E%2E/sessions`, 404],
  [`${PATH}/.`, 404],
];
for (const [target, status] of TARGETS) {
  test(`POST ${target} is answered with ${status}`, async () => {
    assert.match(await headOf('POST', target, POST_LINES, BODY), `HTTP/1.1 ${status} `);
  });
}

test('OPTIONS * says what the whole server takes', async () => {
  const head = await headOf('OPTIONS', '*');
  assert.match(head, /^HTTP\/1\.1 204 /);
  assert.match(head, /\r\nAllow: POST, GET, HEAD, DELETE, OPTIONS(?:\r\n|$)/);
});

test('a request without a Host is refused as JSON, whatever its target', async () => {
  for (const target of [PATH, `http://x${PATH}`, '/nowhere']) {
    const received = await raw(service.httpUrl, [`GET ${target} HTTP/1.1\r\n\r\n`]);
    assert.match(received, /^HTTP\/1\.1 400 [\s\S]*"error":"invalid_input"/);
  }
});

test('who asks before sending a large body is told at once', async () => {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\n`;
  const received = await raw(service.httpUrl, [head]);
  assert.match(received, /^HTTP\/1\.1 413 /);
});

test('who asks before sending a small body is told to go on', async () => {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${BODY.length}\r\n\r\n`;
  assert.match(await raw(service.httpUrl, [head, BODY]), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});

test('what is no HTTP is answered as JSON', async () => {
  const received = await raw(service.httpUrl, ['GARBAGE\r\n\r\n']);
  assert.match(received, /^HTTP\/1\.1 400 [\s\S]*"error":"invalid_input"/);
});

test('headers that are too large are answered as JSON', async () => {
  const received = await raw(service.httpUrl, [
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  ]);
  assert.match(received, /^HTTP\/1\.1 431 [\s\S]*"error":"headers_too_large"/);
});

test('HTTP/1.0 without a Host is served', async () => {
  for (const path of [PATH, RPC]) {
    const head = `POST ${path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;
    assert.match(await raw(service.httpUrl, [head, BODY]), /^HTTP\/1\.1 200 OK/);
  }
});

test('a body that is cut off hurts nobody', async () => {
  const { hostname, port } = new URL(service.httpUrl);
  const socket = connect(Number(port), hostname).resume();
  socket.end(
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  );
  await once(socket, 'close');
  assert.is((await send(PATH, 'POST', { 'content-type': 'application/json' }, BODY)).status, 200);
});

const SLOW: readonly (readonly [string, string])[] = [
  ['headers', 'POST / HTTP/1.1\r\nHost: x\r\n'],
  ['body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'],
];
for (const [what, bytes] of SLOW) {
  test(`a ${what} that never ends is given up`, async () => {
    const { port, close } = await listening({ headersTimeoutMs: 200, requestTimeoutMs: 300 });
    try {
      const received = await raw(`http://127.0.0.1:${port}`, [bytes]);
      assert.match(received, /^HTTP\/1\.1 408 [\s\S]*"error":"request_timeout"/);
    } finally {
      await close();
    }
  });
}

test('an answer that cannot be written is answered with internal, and its text is not', async () => {
  const failed: unknown[] = [];
  const { port, close } = await listening({
    callLog: { refusedEarly: () => {}, failed: (error) => failed.push(error) },
    endpoints: [
      testEndpoint({
        write: () => {
          throw new Error('secret');
        },
      }),
    ],
  });
  try {
    const answer = await sendHttp(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: {},
      body: Buffer.alloc(0),
    });
    assert.is(answer.status, 500);
    assert.equal(JSON.parse(answer.body.toString()), {
      error: 'internal',
      message: 'Something went wrong on our side.',
      details: {},
    });
    assert.match(String(failed[0]), 'secret');
  } finally {
    await close();
  }
});

const TIMEOUTS: readonly (readonly [string, number, string])[] = [
  ['1000', 200, ''],
  ['0', 504, 'deadline_exceeded'],
  ['1.5', 400, 'invalid_argument'],
  ['-1', 400, 'invalid_argument'],
  ['12345678901', 400, 'invalid_argument'],
  ['soon', 400, 'invalid_argument'],
];
for (const [timeout, status, code] of TIMEOUTS) {
  test(`Connect-Timeout-Ms: ${timeout}`, async () => {
    const headers = { 'content-type': 'application/json', 'connect-timeout-ms': timeout };
    const answer = await send(RPC, 'POST', headers, BODY);
    assert.is(answer.status, status, answer.body.toString());
    assert.is(JSON.parse(answer.body.toString()).code ?? '', code);
  });
}
