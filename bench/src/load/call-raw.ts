import { type Client, Metadata } from '@grpc/grpc-js';

/** The default time limit of a call, in ms. */
const ANSWER_MS = 10_000;

/** Calls a unary RPC with the bytes of its request. @returns the bytes of its answer */
export function callRaw(
  client: Client,
  path: string,
  request: Uint8Array,
  answerMs = ANSWER_MS,
): Promise<Buffer> {
  const options = { deadline: Date.now() + answerMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, toBuffer, same, request, new Metadata(), options, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    );
  });
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
