import { elementsOf } from '../bson/decode.js';

/** MongoDB's limit of one message, in bytes. */
export const MAX_MESSAGE_BYTES = 48_000_000;

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

/** Flags of OP_MSG. The low 16 bits must be understood, or the message is refused. */
const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;
const KNOWN_REQUIRED = CHECKSUM_PRESENT | MORE_TO_COME;

/** A request as it came over the wire. */
export interface Request {
  readonly requestId: number;
  /** The opcode it came with, which decides that of the answer. */
  readonly form: 'msg' | 'query';
  readonly wantsReply: boolean;
  readonly body: Uint8Array;
  /** Documents that were sent beside the body, by the name of the field that they stand for. */
  readonly sequences: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** Bytes that are no message of this protocol. The connection cannot go on. */
class ProtocolError extends Error {}

/** Cuts a stream of bytes into messages. */
export interface MessageCutter {
  push(chunk: Buffer): void;
  /** The next whole message. Throws `ProtocolError` for one that claims an impossible length. */
  next(): Buffer | undefined;
  /** Bytes that are not yet part of a message given out. */
  readonly held: number;
  /** Bytes received in all. */
  readonly received: number;
}

/** Makes a cutter. Its memory grows with the bytes received, never with the length that a message announces. */
export function createMessageCutter(): MessageCutter {
  let chunks: Buffer[] = [];
  let held = 0;
  let received = 0;
  const joined = (): Buffer => {
    const [only] = chunks;
    if (chunks.length === 1 && only) return only;
    const whole = Buffer.concat(chunks);
    chunks = [whole];
    return whole;
  };
  /** The length that the first message claims; the chunks stay apart, or each chunk would copy all before it. */
  const claimed = (): number | undefined => {
    if (held < 16) return undefined;
    if ((chunks[0]?.length ?? 0) < 16) joined();
    const length = chunks[0]?.readInt32LE(0) ?? 0;
    if (length < 16 || length > MAX_MESSAGE_BYTES) throw new ProtocolError(`a message of ${length} bytes`);
    return length;
  };
  return {
    push(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      received += chunk.length;
    },
    next() {
      const length = claimed();
      if (length === undefined || held < length) return undefined;
      const whole = joined();
      held -= length;
      chunks = held > 0 ? [whole.subarray(length)] : [];
      return whole.subarray(0, length);
    },
    get held() {
      return held;
    },
    get received() {
      return received;
    },
  };
}

/** Reads one whole message. Throws `ProtocolError`. */
export function parseRequest(message: Buffer): Request {
  const opcode = message.readInt32LE(12);
  const requestId = message.readInt32LE(4);
  try {
    if (opcode === OP_MSG) return parseMsg(message, requestId);
    if (opcode === OP_QUERY) return parseQuery(message, requestId);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  throw new ProtocolError(`opcode ${opcode}`);
}

function parseMsg(message: Buffer, requestId: number): Request {
  if (message.length < 21) throw new ProtocolError('a message too short');
  const flags = message.readUInt32LE(16);
  if ((flags & 0xffff & ~KNOWN_REQUIRED) !== 0) throw new ProtocolError(`unknown flags ${flags}`);
  // The checksum is not verified: on a Unix socket nothing is damaged on its way.
  const end = message.length - ((flags & CHECKSUM_PRESENT) !== 0 ? 4 : 0);
  const sequences = new Map<string, Uint8Array[]>();
  let body: Uint8Array | undefined;
  let at = 20;
  while (at < end) {
    const kind = message[at];
    at += 1;
    if (kind === 0) {
      if (body !== undefined) throw new ProtocolError('two bodies');
      body = documentAt(message, at, end);
      at += body.length;
    } else if (kind === 1) {
      const size = sizeAt(message, at, end, 5);
      const sectionEnd = at + size;
      const nameEnd = message.indexOf(0, at + 4);
      if (nameEnd < 0 || nameEnd >= sectionEnd) throw new ProtocolError('a sequence without a name');
      const name = message.toString('utf8', at + 4, nameEnd);
      if (sequences.has(name)) throw new ProtocolError(`two sequences ${name}`);
      sequences.set(name, documentsOf(message, nameEnd + 1, sectionEnd));
      at = sectionEnd;
    } else {
      throw new ProtocolError(`a section of kind ${kind}`);
    }
  }
  if (body === undefined) throw new ProtocolError('no body');
  elementsOf(body);
  return { requestId, form: 'msg', wantsReply: (flags & MORE_TO_COME) === 0, body, sequences };
}

function documentsOf(message: Buffer, from: number, end: number): Uint8Array[] {
  const documents: Uint8Array[] = [];
  let at = from;
  while (at < end) {
    const document = documentAt(message, at, end);
    documents.push(document);
    at += document.length;
  }
  return documents;
}

/** OP_QUERY: the oldest form of a command, which drivers still open a connection with. */
function parseQuery(message: Buffer, requestId: number): Request {
  const nameEnd = message.indexOf(0, 20);
  if (nameEnd < 0) throw new ProtocolError('a query without a collection');
  const namespace = message.toString('utf8', 20, nameEnd);
  if (!namespace.endsWith('.$cmd')) throw new ProtocolError('a query that is no command');
  const body = documentAt(message, nameEnd + 9, message.length);
  elementsOf(body);
  return { requestId, form: 'query', wantsReply: true, body, sequences: new Map() };
}

function sizeAt(message: Buffer, at: number, end: number, least: number): number {
  if (at + 4 > end) throw new ProtocolError('a length beyond the end');
  const size = message.readInt32LE(at);
  if (size < least || at + size > end) throw new ProtocolError(`a length of ${size}`);
  return size;
}

function documentAt(message: Buffer, at: number, end: number): Uint8Array {
  return message.subarray(at, at + sizeAt(message, at, end, 5));
}

/** Writes the answer to a request. */
export function encodeReply(request: Request, replyId: number, document: Uint8Array): Buffer {
  const head = request.form === 'msg' ? 21 : 36;
  const message = Buffer.alloc(head + document.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(replyId, 4);
  message.writeInt32LE(request.requestId, 8);
  if (request.form === 'msg') {
    message.writeInt32LE(OP_MSG, 12);
  } else {
    message.writeInt32LE(OP_REPLY, 12);
    // OP_REPLY: flags "await capable", no cursor, from 0, one document.
    message.writeInt32LE(8, 16);
    message.writeInt32LE(1, 32);
  }
  message.set(document, head);
  return message;
}
