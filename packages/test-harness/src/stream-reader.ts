import type { ClientReadableStream, StatusObject } from '@grpc/grpc-js';

/** A gRPC stream that is being read. */
export interface StreamReader<T, End> {
  /** The messages so far. */
  readonly messages: readonly T[];
  readonly ended: Promise<End>;
  /** Resolves once so many messages have come; rejects when the stream ends before. */
  readonly came: (count: number) => Promise<readonly T[]>;
  /** Stops reading while the connection stays, as a program does that hangs. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly cancel: () => void;
}

/** Reads a stream from now on. @param toEnd makes of its status what `ended` resolves with */
export function readStream<T, End>(
  stream: ClientReadableStream<T>,
  toEnd: (status: StatusObject) => End,
): StreamReader<T, End> {
  const messages: T[] = [];
  const ended = new Promise<End>((resolve) => {
    stream.on('status', (status: StatusObject) => resolve(toEnd(status)));
  });
  // An error without a listener is thrown; the status says the same.
  stream.on('error', () => {});
  stream.on('data', (message: T) => messages.push(message));
  return {
    messages,
    ended,
    came: (count) =>
      new Promise((resolve, reject) => {
        const look = () => messages.length >= count && resolve(messages);
        stream.on('data', look);
        look();
        ended.then(
          (end) => reject(new Error(`${messages.length} messages, then ${JSON.stringify(end)}`)),
          reject,
        );
      }),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    cancel: () => stream.cancel(),
  };
}
