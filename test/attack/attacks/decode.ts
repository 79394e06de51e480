import type { Attack, Target } from '../attack.js';
import { flood, isAnswered, rawRequest, sessionToken } from '../http.js';
import { exchange } from '../sockets.js';
import { createTally, figure } from '../tally.js';

const OPEN_PATH = '/chatsessions.v1.ChatSessions/OpenSession';
const REFRESH_PATH = '/chatsessions.v1.ChatSessions/RefreshSession';
/** The largest body that the service takes. */
const MAX_BODY = 64 * 1024;
/** How long an answer is waited for, in ms; one that takes as long blocks everybody. */
const ANSWER_MS = 15_000;
/** The longest that one body may take to be answered, in ms: there are milliseconds of work in it. */
const SLOW_MS = 1_500;

/** Decoders that merge a repeated field anew for each repetition do n × m work for n + m bytes. */
const repeatedStruct: Attack = {
  name: 'decode-repeated-struct',
  shows: '64 KiB of protobuf whose Struct has 2,000 keys and is then repeated by the thousand, over Connect',
  seconds: 6,
  quickSeconds: 1,
  async run({ target, ms }) {
    const token = await sessionToken(target);
    const bodies = [
      binaryRequest(OPEN_PATH, repeated(stringField(1, target.publicKey), 4)),
      binaryRequest(REFRESH_PATH, repeated(Buffer.alloc(0), 2), [`Authorization: Bearer ${token}`]),
    ];
    const statuses = createTally();
    const end = performance.now() + ms;
    let sent = 0;
    let slowest = 0;
    while (performance.now() < end) {
      const body = bodies[sent++ % bodies.length] ?? Buffer.alloc(0);
      const answer = await exchange(target.http, target, [body], {
        timeoutMs: ANSWER_MS,
        isDone: isAnswered,
      });
      statuses.add(answer.statuses[0] ?? 'no answer');
      slowest = Math.max(slowest, answer.ms);
    }
    return {
      sent: `${figure(sent)} bodies, one at a time`,
      seen: `${statuses.text()}, the slowest after ${figure(slowest)} ms`,
      faults: [
        ...(slowest > SLOW_MS ? [`a body took ${figure(slowest)} ms`] : []),
        ...unexpected(statuses.labels(), REFUSED),
      ],
    };
  },
};

/** What a body that is no request, or no good one, may be answered with. */
const REFUSED = [200, 400, 413, 415, 422, 429, 503];

/** Bodies that were made by hand. Those that a fuzzer makes (decode-fuzz.ts) belong into `requests` here. */
const oddBodies: Attack = {
  name: 'decode-bodies',
  shows: 'bodies that are deep, wide, repeated, full of numbers or escapes, in JSON and protobuf',
  seconds: 6,
  quickSeconds: 0.5,
  async run(context) {
    const { target } = context;
    const requests = [...jsonBodies(target), ...binaryBodies(target)];
    let next = 0;
    const { sent, answers } = await flood(
      target,
      () => requests[next++ % requests.length] ?? Buffer.alloc(0),
      { connections: 8, ms: context.ms },
    );
    return {
      sent: `${figure(sent)} bodies`,
      seen: answers.text(),
      faults: unexpected(answers.labels(), REFUSED),
    };
  },
};

export const decodeAttacks: readonly Attack[] = [repeatedStruct, oddBodies];

/** A sentence for each label that is none of the expected ones. */
export function unexpected(labels: readonly string[], expected: readonly (string | number)[]): string[] {
  const known = new Set(expected.map(String));
  return labels.filter((label) => !known.has(label)).map((label) => `there were answers ${label}`);
}

/** Whatever is longer than 64 KiB is cut: what is refused for its size never meets a decoder. */
function jsonBodies({ publicKey }: Target): Buffer[] {
  const around = (variables: string) => `{"publicKey":"${publicKey}","variables":${variables}}`;
  const fill = (unit: string, room = MAX_BODY - 200) => unit.repeat(Math.floor(room / unit.length));
  const bodies = [
    fill('['),
    fill('{"a":'),
    around(`${'['.repeat(30_000)}${']'.repeat(30_000)}`),
    around(`{${Array.from({ length: 6_000 }, (_, n) => `"k${n}":0`).join()}}`),
    around(`{"a":[${fill('0,')}0]}`),
    around(`{"a":[${fill('1e308,')}0]}`),
    around(`{"a":[${fill('0.1234567890123456,')}0]}`),
    around(`{"a":${'9'.repeat(MAX_BODY - 200)}}`),
    around(`{"a":1e-${'9'.repeat(MAX_BODY - 200)}}`),
    around(`{"a":"${fill('\\u00e9')}"}`),
    around(`{"a":"${fill('\\ud800')}"}`),
    around(`{${fill('"a":0,')}"a":1}`),
    around(`{${fill('"__proto__":{},')}"a":1}`),
    fill(' '),
    fill('"\\'),
  ];
  return bodies.map((body) => rawRequest({ body: body.slice(0, MAX_BODY) }));
}

function binaryBodies({ publicKey }: Target): Buffer[] {
  const key = stringField(1, publicKey);
  const fill = (unit: Buffer, room = MAX_BODY - 200) => Buffer.alloc(room - (room % unit.length), unit);
  /** Lists in lists: each is a Value of a ListValue of a Value. */
  let deep: Buffer = Buffer.alloc(0);
  while (deep.length < 30_000) deep = bytesField(6, bytesField(1, deep));
  const bodies = [
    Buffer.concat([
      key,
      bytesField(4, bytesField(1, Buffer.concat([stringField(1, 'a'), bytesField(2, deep)]))),
    ]),
    Buffer.concat([key, fill(Buffer.from([0x22, 0]))]),
    Buffer.concat([key, fill(bytesField(4, struct(1)))]),
    Buffer.concat([key, bytesField(4, struct(5_000).subarray(0, MAX_BODY - 200))]),
    fill(key),
    fill(Buffer.from([0xf8, 0x7f, 0])),
    fill(Buffer.from([0x0b])),
    fill(Buffer.from([0x22, 0xff, 0xff, 0xff, 0xff, 0x0f])),
    fill(Buffer.from([0xff])),
    bytesField(1, Buffer.alloc(60_000, 0xff)),
  ];
  return bodies.map((body) => binaryRequest(OPEN_PATH, body));
}

/** A Struct of 2,000 keys in the field `field`, then the field again, empty, until the body is full. */
function repeated(head: Buffer, field: number): Buffer {
  const first = Buffer.concat([head, bytesField(field, struct(2_000))]);
  return Buffer.concat([
    first,
    Buffer.alloc(MAX_BODY - 2 - first.length, Buffer.from([(field << 3) | 2, 0])),
  ]);
}

/** A Struct with so many keys, all null. */
function struct(keys: number): Buffer {
  const nullValue = bytesField(2, Buffer.from([0x08, 0]));
  return Buffer.concat(
    Array.from({ length: keys }, (_, n) =>
      bytesField(1, Buffer.concat([stringField(1, `k${n.toString(36).padStart(3, '0')}`), nullValue])),
    ),
  );
}

const stringField = (field: number, text: string) => bytesField(field, Buffer.from(text));

/** A field of length-delimited bytes (https://protobuf.dev/programming-guides/encoding/). */
function bytesField(field: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  length.push(rest);
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}

function binaryRequest(path: string, body: Buffer, headers: readonly string[] = []): Buffer {
  return rawRequest({ path, body, headers: ['Content-Type: application/proto', ...headers] });
}
