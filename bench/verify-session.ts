/**
 * VerifySession against a static answer of the same bytes from grpc-js: what checking a token and reading its
 * conversation cost on top of a bare call. See USAGE.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  ChatSessionsService,
  OpenSessionResponse,
  VerifySessionResponse,
} from '../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { DEMO_KEY, startMeasuredService } from './service.js';

const USAGE = `Usage: node dist/bench/verify-session.js [options]

Starts the service (embedded server) and a static grpc-js server, each in a process of its own, and
calls them in turn from this one, with a different token each time. Prints the calls per second and the CPU time per
call of each server, and the ratios of the medians.

Options:
  --rounds <n>       rounds of each contender (default 7)
  --seconds <n>      length of a round (default 5)
  --callers <n>      calls under way at a time (default 64)
  --sessions <n>     sessions that the tokens are of (default 2000)
  --help             this text
`;

const { path } = ChatSessionsService.verifySession;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '64' },
    sessions: { type: 'string', default: '2000' },
    help: { type: 'boolean' },
    static: { type: 'boolean' },
  },
});

if (values.help) process.stdout.write(USAGE);
else if (values.static) serveStatic();
else await compare();

/** A server process that is called. */
interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly client: Client;
}

interface Round {
  readonly rate: number;
  /** CPU time of the server per call, in microseconds. */
  readonly cpu: number;
}

async function compare(): Promise<void> {
  const service = await startMeasuredService();
  const ours = { name: 'VerifySession', pid: service.pid, client: connect(service.target) };
  const requests = await openSessions(ours.client, Number(values.sessions));
  const answer = await call(ours.client, path, requests[0] ?? Buffer.alloc(0));
  VerifySessionResponse.decode(answer);

  const child = fork(fileURLToPath(import.meta.url), ['--static']);
  const port = await new Promise<string>((resolve) => child.once('message', (text) => resolve(String(text))));
  child.send(answer.toString('base64'));
  const bare = { name: 'static grpc-js', pid: child.pid ?? 0, client: connect(`127.0.0.1:${port}`) };

  const contenders: readonly Contender[] = [ours, bare];
  for (const contender of contenders) await run(contender, requests, 3_000);
  const rounds = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      const result = await run(contender, requests, Number(values.seconds) * 1_000);
      rounds.get(contender)?.push(result);
      print(`round ${round + 1}  ${contender.name.padEnd(16)} ${show(result)}`);
    }
  }
  const [mine, theirs] = contenders.map((contender) => medians(rounds.get(contender) ?? []));
  if (!mine || !theirs) return;
  print(`median   VerifySession    ${show(mine)}`);
  print(`median   static grpc-js   ${show(theirs)}`);
  print(
    `ratio of rates ${(mine.rate / theirs.rate).toFixed(3)}, of CPU ${(theirs.cpu / mine.cpu).toFixed(3)}`,
  );

  for (const { client } of contenders) client.close();
  child.kill();
  await service.stop();
}

function serveStatic(): void {
  const server = new Server();
  let answer = Buffer.alloc(0);
  process.on('message', (text) => {
    answer = Buffer.from(String(text), 'base64');
  });
  const same = (bytes: Buffer) => bytes;
  const definition = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } as const;
  server.addService(
    { [path]: definition },
    {
      [path]: (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, answer),
    },
  );
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => {
    process.send?.(String(port));
  });
}

function connect(target: string): Client {
  return new Client(target, credentials.createInsecure());
}

function call(client: Client, rpcPath: string, request: Buffer): Promise<Buffer> {
  const same = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(rpcPath, same, same, request, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    );
  });
}

/** Opens sessions. @returns a VerifySession request for each */
async function openSessions(client: Client, count: number): Promise<Buffer[]> {
  const { openSession, verifySession } = ChatSessionsService;
  const open = openSession.requestSerialize({
    publicKey: DEMO_KEY,
    customerId: 'u-42',
    customerToken: '',
    locale: 'en-GB',
    variables: { cart_total: 129, page: 'checkout', returning: true },
  });
  const requests: Buffer[] = [];
  while (requests.length < count) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => call(client, openSession.path, open)));
    for (const answer of answers) {
      const { sessionToken } = OpenSessionResponse.decode(answer);
      requests.push(verifySession.requestSerialize({ token: sessionToken, intentName: 'order_status' }));
    }
  }
  return requests;
}

async function run({ client, pid }: Contender, requests: readonly Buffer[], ms: number): Promise<Round> {
  let calls = 0;
  const start = performance.now();
  const cpu = cpuMs(pid);
  const one = async () => {
    while (performance.now() - start < ms) {
      await call(client, path, requests[calls++ % requests.length] ?? Buffer.alloc(0));
    }
  };
  await Promise.all(Array.from({ length: Number(values.callers) }, one));
  const seconds = (performance.now() - start) / 1_000;
  return { rate: calls / seconds, cpu: ((cpuMs(pid) - cpu) * 1_000) / calls };
}

/** CPU time that a process has used, in ms (proc_pid_stat(5), in ticks of 10 ms). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function medians(rounds: readonly Round[]): Round {
  const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
  return { rate: median(rounds.map(({ rate }) => rate)), cpu: median(rounds.map(({ cpu }) => cpu)) };
}

function show({ rate, cpu }: Round): string {
  return `${rate.toFixed(0).padStart(6)} calls/s  ${cpu.toFixed(0).padStart(4)} µs of CPU each`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
