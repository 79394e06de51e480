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
} from '../src/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { callRaw, type Load, type LoadGenerator, loadGenerator } from './load.js';
import { DEMO_KEY, startMeasuredService } from './service.js';

const USAGE = `Usage: node dist/bench/verify-session.js [options]

Starts the service (embedded server) and a static grpc-js server, each in a process of its own, and calls them in turn,
with a different token each time: by ghz where it is on the PATH, else from this process. Prints the calls per second
and the CPU time per call of each server, and the ratios of the medians.

Options:
  --rounds <n>       rounds of each contender (default 7)
  --seconds <n>      length of a round (default 5)
  --callers <n>      calls under way at a time (default 64)
  --sessions <n>     sessions that the tokens are of (default 500)
  --help             this text
`;

const { path } = ChatSessionsService.verifySession;
const WARM_UP_MS = 3_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '64' },
    sessions: { type: 'string', default: '500' },
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
  readonly target: string;
}

interface Round {
  readonly rate: number;
  /** CPU time of the server per call, in microseconds. */
  readonly cpu: number;
}

async function compare(): Promise<void> {
  const service = await startMeasuredService();
  const raw = new Client(service.target, credentials.createInsecure());
  const requests = await openSessions(raw, Number(values.sessions));
  const answer = await callRaw(raw, path, requests[0]?.bytes ?? Buffer.alloc(0));
  raw.close();

  const child = fork(fileURLToPath(import.meta.url), ['--static']);
  const port = await new Promise<string>((resolve) => child.once('message', (text) => resolve(String(text))));
  child.send(answer.toString('base64'));

  const contenders: readonly Contender[] = [
    { name: 'VerifySession', pid: service.pid, target: service.target },
    { name: 'static grpc-js', pid: child.pid ?? 0, target: `127.0.0.1:${port}` },
  ];
  const load = await loadGenerator({ path, requests, callers: Number(values.callers) });
  print(`load by ${load.name}; ${requests.length} tokens in turn, ${answer.length} bytes of answer`);
  for (const contender of contenders) await run(load, contender, WARM_UP_MS);
  const rounds = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      const result = await run(load, contender, Number(values.seconds) * 1_000);
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

  await load.close();
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
    { [path]: (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, answer) },
  );
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => {
    process.send?.(String(port));
  });
}

/** Opens sessions. @returns a VerifySession request for each */
async function openSessions(client: Client, count: number): Promise<Load['requests']> {
  const { openSession, verifySession } = ChatSessionsService;
  const open = openSession.requestSerialize({
    publicKey: DEMO_KEY,
    customerId: 'u-42',
    customerToken: '',
    locale: 'en-GB',
    variables: { cart_total: 129, page: 'checkout', returning: true },
  });
  const requests: Load['requests'][number][] = [];
  while (requests.length < count) {
    const opens = Array.from({ length: 50 }, () => callRaw(client, openSession.path, open));
    for (const answer of await Promise.all(opens)) {
      const json = { token: OpenSessionResponse.decode(answer).sessionToken, intentName: 'order_status' };
      requests.push({ json, bytes: verifySession.requestSerialize(json) });
    }
  }
  return requests;
}

async function run(load: LoadGenerator, { target, pid }: Contender, ms: number): Promise<Round> {
  const start = performance.now();
  const cpu = cpuMs(pid);
  const calls = await load.run(target, ms);
  const seconds = Math.min(performance.now() - start, ms) / 1_000;
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
