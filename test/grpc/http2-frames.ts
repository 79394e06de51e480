import { connect, type Socket } from 'node:net';

/** Frames of HTTP/2 by hand, for what no client would send (RFC 9113, 4.1). */

/** What every HTTP/2 connection begins with, then empty settings. */
export const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);

/** One frame; `declaredBytes` when its header lies about its length. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
  declaredBytes = payload.length,
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(declaredBytes, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** The headers of a call, each name and value as a literal (RFC 7541, 6.2.2): 126 bytes at most. */
export function callHeaders(stream: number, path: string): Buffer {
  const headers = {
    ...{ ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'localhost' },
    ...{ 'content-type': 'application/grpc', te: 'trailers' },
  };
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const fields = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([Buffer.from([0]), text(name), text(value)]),
  );
  return frame(1, 4, stream, Buffer.concat(fields));
}

/** A connection that sends `bytes`, reads whatever comes, and does not close by itself; from some port unless named. */
export async function sendBytes(
  port: number,
  bytes: Buffer,
  localPort?: number,
): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect({ port, host: '127.0.0.1', ...(localPort !== undefined && { localPort }) });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.resume();
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  return { socket, closed };
}
