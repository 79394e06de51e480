import type { JsonObject } from '@bufbuild/protobuf';
import { measure, type Round } from '../figures/rounds.js';
import type { HttpLoad, HttpRequest } from '../load/http.js';
import { VISIT } from '../requests/demo.js';
import { publicOpen } from '../requests/open-request.js';
import type { ServerProcess } from '../servers/server-process.js';
import type { Metrics } from './turns.js';

/** The measured open with the members of `more`. */
export function openRequest(
  more: { readonly publicKey?: string; readonly customerId?: string; readonly variables?: JsonObject } = {},
): HttpRequest {
  return { ...publicOpen, body: JSON.stringify({ ...VISIT, ...more }) };
}

/** GetSession, as a widget sends it after a page reload. */
export function getRequest(sessionToken: string): HttpRequest {
  const { path, headers } = publicOpen;
  return {
    method: 'GET',
    path: `${path}/current`,
    headers: { ...headers, Authorization: `Bearer ${sessionToken}` },
    body: '',
  };
}

/** A load on a server. */
export interface Called {
  readonly server: ServerProcess;
  readonly load: HttpLoad;
  readonly requests: readonly HttpRequest[];
  readonly connections: number;
  readonly ms: number;
}

/** Calls a server for a while. @throws Error when there are no answers, or unexpected ones */
export async function called({ server, load, requests, connections, ms }: Called): Promise<Round> {
  const { http = '' } = server;
  const run = (time: number) => load.run(http, requests, { connections, ms: time });
  const round = await measure({ name: '', server, run }, ms);
  const { answers, unexpected } = round;
  const [first] = requests;
  // Its error says what is wrong when every call fails.
  if (answers === 0 && first) await sendOnce(server, first);
  if (answers === 0) throw new Error(`no answers in ${ms} ms`);
  if (unexpected > 0) throw new Error(`${unexpected} of ${answers + unexpected} calls had no good answer`);
  return round;
}

/** The time limit of an answer, in ms. */
const ANSWER_MS = 10_000;
/** How much longer than planned a warm-up may take, in ms. */
const PATIENCE_MS = 60_000;

/**
 * Warms a new process up, since warm code is faster: calls it for at least `ms`, and until it has answered `enough`
 * calls.
 */
export async function warmUp(call: Called, ms: number, enough = 0): Promise<void> {
  const began = performance.now();
  const passed = () => performance.now() - began;
  for (let answers = 0; answers < enough || passed() < ms; ) {
    if (passed() > ms + PATIENCE_MS) throw new Error(`only ${answers} answers in ${PATIENCE_MS / 1_000} s`);
    answers += (await called(call)).answers;
  }
}

/** The metrics of a round: rate (1/s), p50 and p99 (ms), CPU time of the server (µs per call), memory (MiB). */
export function metricsOf({ rate, p50, p99, cpuUs, memoryMiB }: Round): Metrics {
  return { rate, p50, p99, cpu: cpuUs, memory: memoryMiB };
}

/** Sends one request. @returns the body of its answer. @throws Error when the status is not 200 */
export async function sendOnce({ http = '' }: ServerProcess, request: HttpRequest): Promise<string> {
  const { method, path, headers, body } = request;
  const answer = await fetch(`${http}${path}`, {
    method,
    headers,
    ...(method !== 'GET' && { body: body.toString() }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await answer.text();
  if (answer.status !== 200) {
    throw new Error(`${method} ${path} was answered ${answer.status}: ${text.slice(0, 200)}`);
  }
  return text;
}
