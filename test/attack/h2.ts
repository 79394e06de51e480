/**
 * Frames of HTTP/2 (RFC 9113, section 4) and header blocks (RFC 7541), written by hand so that they can be broken.
 */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Types of frames. */
export const FRAME = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

/** Flags of frames. */
export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;

/** Settings. */
export const SETTING = { initialWindowSize: 0x4 } as const;

/** A frame, whatever makes no sense in it. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

/** A SETTINGS frame of pairs of identifier and value. */
export function settings(pairs: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  for (const [index, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** A 32-bit number as the payload of WINDOW_UPDATE and RST_STREAM. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block of literals without indexing (RFC 7541, section 6.2.2), which need no table at either end. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), stringLiteral(name), stringLiteral(value)]),
  );
}

/** A string literal without Huffman coding; its length is an integer with a prefix of 7 bits (section 5.1). */
function stringLiteral(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const prefix: number[] = [];
  if (bytes.length < 127) prefix.push(bytes.length);
  else {
    prefix.push(127);
    let rest = bytes.length - 127;
    for (; rest > 127; rest >>= 7) prefix.push((rest & 127) | 128);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** The header fields of a gRPC call. */
export function grpcFields(
  path: string,
  token: string | undefined,
  more: readonly (readonly [name: string, value: string])[] = [],
): readonly (readonly [name: string, value: string])[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...(token === undefined ? [] : ([['authorization', `Bearer ${token}`]] as const)),
    ...more,
  ];
}

/** A message with gRPC's prefix (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export function grpcMessage(bytes: Uint8Array, { isCompressed = false } = {}): Buffer {
  return Buffer.concat([Buffer.from([isCompressed ? 1 : 0]), uint32(bytes.length), bytes]);
}

/** The frames of one whole unary call. */
export function unaryCall(stream: number, fields: Buffer, message: Uint8Array): Buffer {
  return Buffer.concat([
    frame(FRAME.headers, FLAG.endHeaders, stream, fields),
    frame(FRAME.data, FLAG.endStream, stream, grpcMessage(message)),
  ]);
}

/** The head of a frame that came in. */
export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Takes what a socket receives and tells each frame, with its payload. */
export function frameReader(onFrame: (head: FrameHead, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) return;
      const head = {
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5) & 0x7fffffff,
      };
      onFrame(head, rest.subarray(9, 9 + length));
      rest = rest.subarray(9 + length);
    }
  };
}
