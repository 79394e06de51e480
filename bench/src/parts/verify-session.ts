import { Client, credentials } from '@grpc/grpc-js';
import {
  ChatSessionsService,
  OpenSessionResponse,
} from 'chatsessions/gen/ts-proto/chatsessions/v1/chat_sessions.js';
import { count, seconds } from '../command/options.js';
import { definePart } from '../command/part.js';
import { alternate, type Contender, type Round } from '../figures/rounds.js';
import { spread } from '../figures/statistics.js';
import { callRaw } from '../load/call-raw.js';
import type { GrpcRequest } from '../load/grpc.js';
import { grpcLoad } from '../load/grpc-generator.js';
import { openRequest } from '../requests/defaults.js';
import { VISIT } from '../requests/demo.js';
import { startOurs, startPeer } from '../servers/server-process.js';

const { path } = ChatSessionsService.verifySession;
const WARM_UP_MS = 3_000;

/** Measures what VerifySession costs on top of a bare call. */
export const verifySession = definePart({
  name: 'verify-session',
  summary: 'VerifySession against a static answer of the same bytes from grpc-js',
  about: `
Starts the service (embedded server) and a static grpc-js server, each in a process of its own, and calls them in turn,
with a different token each time: by ghz where it is on the PATH, else by a grpc-js client. Prints the calls per
second and the CPU time per call of each server, and the ratios of the medians.`,
  options: {
    rounds: count('rounds of each contender', 7),
    seconds: seconds('length of a round', 5),
    callers: count('calls in flight', 64),
    sessions: count('sessions that the tokens are of', 500),
  },
  async run({ rounds, seconds, callers, sessions }) {
    const service = await startOurs();
    const raw = new Client(service.grpc ?? '', credentials.createInsecure());
    const requests = await openSessions(raw, sessions);
    const answer = await callRaw(raw, path, requests[0]?.bytes ?? Buffer.alloc(0));
    raw.close();

    const env = { RPC_PATH: path, ANSWER: answer.toString('base64') };
    const ceiling = await startPeer('ceilings/static-grpc.js', env);
    const load = await grpcLoad();
    const contenders = [
      { name: 'VerifySession', server: service },
      { name: 'static grpc-js', server: ceiling },
    ].map(({ name, server }): Contender => {
      return { name, server, run: (ms) => load.run(server.grpc ?? '', path, requests, { callers, ms }) };
    });
    print(`load by ${load.name}; ${requests.length} tokens in turn, ${answer.length} bytes of answer`);

    const measured = await alternate(contenders, {
      rounds,
      ms: seconds * 1_000,
      warmUpMs: WARM_UP_MS,
      onRound({ name }, round, number) {
        if (round.unexpected > 0) throw new Error(`${name}: ${round.unexpected} calls were refused`);
        if (number > 0) print(`round ${number}  ${name.padEnd(16)} ${show(round)}`);
      },
    });
    const [mine, theirs] = [...measured.values()].map(medians);
    if (mine && theirs) {
      print(`median   VerifySession    ${show(mine)}`);
      print(`median   static grpc-js   ${show(theirs)}`);
      const rates = (mine.rate / theirs.rate).toFixed(3);
      print(`ratio of rates ${rates}, of CPU ${(theirs.cpuUs / mine.cpuUs).toFixed(3)}`);
    }
    await load.close();
    await ceiling.stop();
    await service.stop();
    return 0;
  },
});

/** Opens sessions. @returns a VerifySession request per session */
async function openSessions(client: Client, wanted: number): Promise<GrpcRequest[]> {
  const { openSession, verifySession } = ChatSessionsService;
  const open = openSession.requestSerialize(openRequest(VISIT));
  const requests: GrpcRequest[] = [];
  while (requests.length < wanted) {
    const opens = Array.from({ length: 50 }, () => callRaw(client, openSession.path, open));
    for (const answer of await Promise.all(opens)) {
      const json = { token: OpenSessionResponse.decode(answer).sessionToken, intentName: 'order_status' };
      requests.push({ json, bytes: verifySession.requestSerialize(json) });
    }
  }
  return requests.slice(0, wanted);
}

type Figures = Pick<Round, 'rate' | 'cpuUs'>;

function medians(rounds: readonly Round[]): Figures {
  return {
    rate: spread(rounds.map(({ rate }) => rate)).median,
    cpuUs: spread(rounds.map(({ cpuUs }) => cpuUs)).median,
  };
}

function show({ rate, cpuUs }: Figures): string {
  return `${rate.toFixed(0).padStart(6)} calls/s  ${cpuUs.toFixed(0).padStart(4)} µs of CPU each`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
