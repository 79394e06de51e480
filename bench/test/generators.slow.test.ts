import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled, suite } from '@chatsessions/test-harness';
import { Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import { ChatSessionsService } from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import * as assert from 'uvu/assert';
import { autocannonLoad } from '../src/load/autocannon.js';
import { ghz } from '../src/load/ghz.js';
import type { GrpcLoad, GrpcRequest } from '../src/load/grpc.js';
import type { HttpLoad, HttpRequest } from '../src/load/http.js';
import { httpLoad } from '../src/load/http-generator.js';
import type { LoadResult } from '../src/load/load.js';
import { ownGrpcLoad } from '../src/load/own-grpc.js';
import { wrk } from '../src/load/wrk.js';

const MS = 300;
const CONNECTIONS = 4;
/** Generators are started, and buf builds. */
const TIMEOUT = { timeoutMs: 60_000 };

const post: HttpRequest = { method: 'POST', path: '/open', headers: { 'X-Kind': '"\\' }, body: 'first' };
const second: HttpRequest = { ...post, path: '/other', body: Buffer.from([0, 255, 10, 34, 92]) };

/** Runs a load on a server that answers like this. */
async function onHttp<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

for (const [name, make] of [
  ['wrk', wrk],
  ['autocannon', autocannonLoad],
] as const) {
  const test = suite(`bench: HTTP load by ${name}`);
  if (name === 'wrk' && !isInstalled('wrk')) {
    test.skip('all', 'wrk is not on the PATH');
    continue;
  }
  let load: HttpLoad;
  test.before(() => {
    load = make();
  });
  const run = (url: string, requests: readonly HttpRequest[], expected?: number) =>
    load.run(url, requests, {
      connections: CONNECTIONS,
      ms: MS,
      ...(expected !== undefined && { status: expected }),
    });

  test(
    'each answer is counted, each request sent as it is, in turn',
    async () => {
      const seen = new Map<string, number>();
      let served = 0;
      const result = await onHttp(
        async (request, response) => {
          const body = Buffer.concat(await request.toArray());
          const line = `${request.method} ${request.url} ${request.headers['x-kind']} ${body.toString('hex')}`;
          seen.set(line, (seen.get(line) ?? 0) + 1);
          response.end('{}');
          served++;
        },
        (url) => run(url, [post, second]),
      );
      assert.is(result.unexpected, 0);
      assert.ok(result.answers > 0, 'no answers');
      // Those under way at the end are not counted.
      assert.ok(result.answers <= served && served - result.answers <= CONNECTIONS, `${served} were served`);
      const [first = 0, other = 0] = [
        seen.get(`POST /open "\\ ${Buffer.from('first').toString('hex')}`),
        seen.get('POST /other "\\ 00ff0a225c'),
      ];
      assert.is(seen.size, 2, [...seen.keys()].join('\n'));
      assert.ok(Math.abs(first - other) <= CONNECTIONS, `${first} and ${other}`);
      assertPlausible(result);
    },
    TIMEOUT,
  );

  test(
    'answers of another status are unexpected',
    async () => {
      let served = 0;
      const [ok, refused] = await onHttp(
        (_request, response) => {
          response.statusCode = ++served % 3 === 0 ? 503 : 422;
          response.end();
        },
        async (url) => [await run(url, [post]), await run(url, [post], 422)] as const,
      );
      assert.is(ok.answers, 0);
      assert.is(ok.rate, 0);
      assert.ok(ok.unexpected > 0);
      const share = refused.unexpected / (refused.answers + refused.unexpected);
      assert.ok(share > 0.2 && share < 0.5, `${refused.answers} and ${refused.unexpected}`);
    },
    TIMEOUT,
  );

  test(
    'broken connections are unexpected, and do not end it',
    async () => {
      let asked = 0;
      const result = await onHttp(
        (request, response) => {
          if (++asked % 10 === 0) request.socket.destroy();
          else response.end();
        },
        (url) => run(url, [post]),
      );
      assert.ok(result.answers > 0 && result.unexpected > 0, JSON.stringify(result));
      assert.ok(result.unexpected <= asked / 10 + 1, `${result.unexpected} of ${asked}`);
    },
    TIMEOUT,
  );

  test(
    'connections that the server ends with an answer are made anew',
    async () => {
      let served = 0;
      const result = await onHttp(
        (_request, response) => {
          served++;
          response.setHeader('Connection', 'close').end();
        },
        (url) => run(url, [post]),
      );
      assert.is(result.unexpected, 0);
      assert.ok(result.answers > CONNECTIONS, `${result.answers} answers`);
      assert.ok(served - result.answers <= CONNECTIONS, `${served} were served`);
    },
    TIMEOUT,
  );

  test(
    'latencies are those of the server',
    async () => {
      const result = await onHttp(
        async (_request, response) => {
          await sleep(50);
          response.end();
        },
        (url) => run(url, [post]),
      );
      // Timers may be early by a millisecond.
      assert.ok(result.p50 >= 48, `p50 ${result.p50}`);
      assertPlausible(result);
    },
    TIMEOUT,
  );
}

const choice = suite('bench: which HTTP generator is taken');

choice('wrk where it is on the PATH, else autocannon', () => {
  assert.is(httpLoad().name, isInstalled('wrk') ? 'wrk' : 'autocannon (1 process)');
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    assert.is(httpLoad().name, 'autocannon (1 process)');
  } finally {
    process.env['PATH'] = PATH;
  }
});

const { path, requestDeserialize, requestSerialize } = ChatSessionsService.verifySession;

/** An answer with nothing in it. */
const empty = Buffer.alloc(0);

const grpcRequest = (token: string): GrpcRequest => {
  const json = { token, intentName: '' };
  return { json, bytes: requestSerialize(json) };
};

/** Runs a load on a server of grpc-js that answers like this. */
async function onGrpc<T>(
  answer: (token: string, callback: sendUnaryData<Buffer>) => void,
  work: (target: string) => Promise<T>,
): Promise<T> {
  const server = new Server();
  const definition = {
    ...{ path, requestStream: false, responseStream: false, requestSerialize, requestDeserialize },
    ...{ responseSerialize: (bytes: Buffer) => bytes, responseDeserialize: (bytes: Buffer) => bytes },
  };
  server.addService(
    { verify: definition },
    {
      verify: ({ request }: { request: { token: string } }, callback: sendUnaryData<Buffer>) =>
        answer(request.token, callback),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, got) =>
      error ? reject(error) : resolve(got),
    );
  });
  try {
    return await work(`127.0.0.1:${port}`);
  } finally {
    server.forceShutdown();
  }
}

for (const [name, make] of [
  ['ghz', ghz],
  ['own', ownGrpcLoad],
] as const) {
  const test = suite(`bench: gRPC load by ${name}`);
  if (name === 'ghz' && !isInstalled('ghz')) {
    test.skip('all', 'ghz is not on the PATH');
    continue;
  }
  let load: GrpcLoad;
  test.before(() => {
    load = make();
  });
  test.after(() => load?.close());
  const run = (target: string, requests: readonly GrpcRequest[]) =>
    load.run(target, path, requests, { callers: CONNECTIONS, connections: 2, ms: MS });
  test(
    'each answer is counted, and requests are sent in turn',
    async () => {
      const seen = new Map<string, number>();
      const result = await onGrpc(
        (token, callback) => {
          seen.set(token, (seen.get(token) ?? 0) + 1);
          callback(null, empty);
        },
        (target) => run(target, [grpcRequest('a'), grpcRequest('b')]),
      );
      const [a = 0, b = 0] = [seen.get('a'), seen.get('b')];
      assert.is(result.unexpected, 0);
      assert.is(result.answers, a + b);
      assert.ok(a > 0 && Math.abs(a - b) <= CONNECTIONS, `${a} and ${b}`);
      assertPlausible(result);
    },
    TIMEOUT,
  );

  test(
    'other statuses than OK are unexpected',
    async () => {
      let refused = 0;
      let answered = 0;
      const result = await onGrpc(
        (token, callback) => {
          if (token === 'bad') {
            refused++;
            callback({ code: status.UNAVAILABLE, details: 'stopping' });
          } else {
            answered++;
            callback(null, empty);
          }
        },
        (target) => run(target, [grpcRequest('good'), grpcRequest('bad')]),
      );
      assert.ok(refused > 0);
      assert.is(result.unexpected, refused);
      assert.is(result.answers, answered);
    },
    TIMEOUT,
  );

  test(
    'latencies are those of the server',
    async () => {
      const result = await onGrpc(
        (_token, callback) => {
          setTimeout(() => callback(null, empty), 50);
        },
        (target) => run(target, [grpcRequest('a')]),
      );
      assert.ok(result.p50 >= 48, `p50 ${result.p50}`);
      assertPlausible(result);
    },
    TIMEOUT,
  );
}

/** What holds of any result with answers. */
function assertPlausible({ rate, answers, p50, p99, max }: LoadResult): void {
  assert.ok(p50 > 0 && p50 <= p99 && p99 <= max, `${p50}, ${p99}, ${max} ms`);
  // In no more time than it takes to start and to end.
  const ms = (answers * 1_000) / rate;
  assert.ok(ms > MS * 0.9 && ms < MS + 20_000, `it took ${ms} ms`);
}
