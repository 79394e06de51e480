import type { Socket } from 'node:net';
import type { Target } from './attack.js';
import { FLAG, FRAME, type FrameHead, frame, frameReader, PREFACE, settings } from './h2.js';
import { connectTo } from './sockets.js';

/** A connection to the gRPC port that is written to by hand. */
export interface H2Connection {
  readonly socket: Socket;
  readonly write: (bytes: Buffer) => boolean;
  /** Streams that the service has ended (END_STREAM) or reset. */
  readonly ended: ReadonlySet<number>;
  /** Streams that were answered with anything. */
  readonly answered: ReadonlySet<number>;
  /** The error code of its GOAWAY; undefined when none came. */
  readonly goAway: () => number | undefined;
  readonly isClosed: () => boolean;
}

/** How a connection begins. */
export interface H2Options {
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** Told of each frame. */
  readonly onFrame?: (head: FrameHead, payload: Buffer) => void;
}

/** Connects and begins HTTP/2; acknowledges what the service asks to. @returns undefined when it is not let in */
export async function openH2(target: Target, options: H2Options = {}): Promise<H2Connection | undefined> {
  const socket = await connectTo(target.grpc, target);
  if (socket === undefined) return undefined;
  const ended = new Set<number>();
  const answered = new Set<number>();
  let goAway: number | undefined;
  let isClosed = false;
  const close = () => {
    isClosed = true;
  };
  const write = (bytes: Buffer) => !isClosed && socket.writable && socket.write(bytes);
  socket.on(
    'data',
    frameReader((head, payload) => {
      const { type, flags, stream } = head;
      if (type === FRAME.settings && (flags & FLAG.ack) === 0) write(frame(FRAME.settings, FLAG.ack, 0));
      if (type === FRAME.ping && (flags & FLAG.ack) === 0) write(frame(FRAME.ping, FLAG.ack, 0, payload));
      if (type === FRAME.goAway && payload.length >= 8) goAway = payload.readUInt32BE(4);
      if (stream > 0) answered.add(stream);
      const carriesEnd = type === FRAME.headers || type === FRAME.data;
      if (type === FRAME.rstStream || (carriesEnd && (flags & FLAG.endStream) !== 0)) ended.add(stream);
      options.onFrame?.(head, payload);
    }),
  );
  socket.once('end', close).once('close', close);
  write(Buffer.concat([PREFACE, settings(options.settings)]));
  return { socket, write, ended, answered, goAway: () => goAway, isClosed: () => isClosed };
}
