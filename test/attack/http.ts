import type { Socket } from 'node:net';
import type { Target } from './attack.js';
import { connectTo, exchange, reset } from './sockets.js';
import { createTally, type Tally } from './tally.js';

/** The public path of an open, and of the session of a token. */
export const SESSIONS_PATH = '/api/public/v1/chat/sessions';
export const CURRENT_PATH = `${SESSIONS_PATH}/current`;

/** A request as an attacker writes it. */
export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  /** Lines without their ends; Host, Content-Type and Content-Length are there unless they are given. */
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
}

/** The bytes of a request; an open unless said otherwise. */
export function rawRequest({
  method = 'POST',
  path = SESSIONS_PATH,
  headers = [],
  body = '',
}: RawRequest): Buffer {
  const given = new Set(headers.map((line) => line.slice(0, line.indexOf(':')).trim().toLowerCase()));
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...(given.has('host') ? [] : ['Host: localhost']),
    ...(given.has('content-type') || method === 'GET' ? [] : ['Content-Type: application/json']),
    ...(given.has('content-length') || given.has('transfer-encoding') || method === 'GET'
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** A request that opens a session. */
export function openRequest({ publicKey }: Target, headers: readonly string[] = []): Buffer {
  return rawRequest({ headers, body: JSON.stringify({ publicKey }) });
}

/** Whether a whole answer has come, told by its Content-Length or the last of its chunks. */
export function isAnswered(text: string): boolean {
  return answerLength(text, 0) !== undefined;
}

/** Opens a session. @throws Error when the service does not answer as it should */
export async function sessionToken(target: Target): Promise<string> {
  const { text } = await exchange(target.http, target, [openRequest(target)], {
    timeoutMs: 10_000,
    isDone: isAnswered,
  });
  const [, token] = /"sessionToken":"([^"]+)"/.exec(text) ?? [];
  if (token === undefined) throw new Error(`no session to attack with: ${text.slice(0, 200)}`);
  return token;
}

/** How a port is flooded with requests. */
export interface Flood {
  readonly connections: number;
  readonly ms: number;
  /** Requests of one connection that wait for their answers: 1 unless set. */
  readonly depth?: number;
  /** The most requests that are sent: without end unless set. */
  readonly most?: number;
}

/** What came of a flood. */
export interface Flooded {
  readonly sent: number;
  /** Answers by status, and `closed` for connections that ended with requests unanswered. */
  readonly answers: Tally;
  /** Answers per second. */
  readonly rate: number;
}

/**
 * Sends the request that `next` makes, over and over: the next one when an answer has come. A connection that is closed
 * is made anew.
 */
export async function flood(target: Target, next: () => Buffer, options: Flood): Promise<Flooded> {
  const { connections, ms, depth = 1, most = Number.POSITIVE_INFINITY } = options;
  const answers = createTally();
  const began = performance.now();
  const end = began + ms;
  let sent = 0;
  let answered = 0;
  const isOver = () => performance.now() >= end || sent >= most;

  const work = async () => {
    while (!isOver()) {
      const socket = await connectTo(target.http, target);
      if (socket === undefined) {
        answers.add('no connection');
        continue;
      }
      await new Promise<void>((resolve) => {
        let unanswered = 0;
        const send = () => {
          for (; unanswered < depth && !isOver(); unanswered++, sent++) socket.write(next());
          if (unanswered === 0) done();
        };
        // A service that does not answer any more must not hold the attack up.
        const timer = setTimeout(() => done(), end - performance.now() + 1_000);
        let isDone = false;
        const done = () => {
          if (isDone) return;
          isDone = true;
          clearTimeout(timer);
          if (unanswered > 0 && performance.now() < end) answers.add('closed');
          reset(socket);
          resolve();
        };
        socket.on(
          'data',
          answerReader((status) => {
            answers.add(status);
            answered++;
            unanswered--;
            send();
          }),
        );
        socket.once('end', done).once('close', done);
        send();
      });
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  return { sent, answers, rate: (answered * 1_000) / (performance.now() - began) };
}

/** Takes what a socket receives and tells the status of each answer. */
export function answerReader(onAnswer: (status: number) => void): (chunk: Buffer) => void {
  let text = '';
  return (chunk) => {
    text += chunk.toString('latin1');
    let start = 0;
    for (let length = answerLength(text, start); length !== undefined; length = answerLength(text, start)) {
      const status = Number(text.slice(start + 9, start + 12));
      start += length;
      // What is answered before 100 Continue is no answer yet.
      if (status !== 100) onAnswer(status);
    }
    text = text.slice(start);
  };
}

/** How long the answer is that begins at `start`; undefined when it is not whole. */
function answerLength(text: string, start: number): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n', start);
  if (headEnd < 0) return undefined;
  const head = text.slice(start, headEnd).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  const bodyStart = headEnd + 4;
  if (length === undefined && head.includes('\r\ntransfer-encoding: chunked')) {
    const last = text.indexOf('0\r\n\r\n', bodyStart);
    return last < 0 ? undefined : last + 5 - start;
  }
  const end = bodyStart + Number(length ?? 0);
  return text.length < end ? undefined : end - start;
}

/** Writes the same bytes again and again, whatever comes back. @returns how many times they were handed over */
export async function writeBackToBack(
  socket: Socket,
  bytes: Buffer,
  { times, until }: { readonly times: number; readonly until: number },
): Promise<number> {
  let written = 0;
  while (written < times && !socket.destroyed && performance.now() < until) {
    written++;
    if (socket.write(bytes)) continue;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, until - performance.now()));
      const done = () => {
        clearTimeout(timer);
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
    });
  }
  return written;
}
