import type { HttpRequest } from '../load/http.js';
import { DEMO_KEY, VISIT } from '../requests/demo.js';
import { publicOpen } from '../requests/open-request.js';

/** A request that the public path refuses. */
export interface Refused {
  /** What is wrong with it. */
  readonly name: string;
  readonly request: HttpRequest;
  readonly status: number;
}

const KIB = 1_024;
/** The largest request, as the README documents it. */
const MAX_BODY_BYTES = 64 * KIB;

/** The request that stands for all that are refused at once. */
export const BAD_JSON = 'bad JSON';

/** Requests that the public path must refuse cheaply, since anybody can send them. */
export const REFUSED: readonly Refused[] = [
  refused(BAD_JSON, 400, { body: '{"publicKey":' }),
  refused('no body', 400, { body: '' }),
  refused('duplicate members', 400, {
    body: `{"locale":"en","locale":"de",${JSON.stringify(VISIT).slice(1)}`,
  }),
  refused('wrong content type', 415, { headers: { ...publicOpen.headers, 'Content-Type': 'text/plain' } }),
  refused('unknown key', 403, { body: json({ publicKey: DEMO_KEY.replace(/.{4}$/, 'ffff') }) }),
  refused('wrong origin', 403, { headers: { ...publicOpen.headers, Origin: 'https://evil.example' } }),
  refused('broken rules', 422, {
    body: json({
      publicKey: 'pk_live_x',
      customerId: 'u'.repeat(101),
      locale: 'not a locale',
      variables: { Cart: 1, 'a b': {}, deep: [[[[[1]]]]] },
    }),
  }),
  refused('64 KiB: a customer id', 422, { body: filled((length) => ({ customerId: 'u'.repeat(length) })) }),
  refused('64 KiB: variables', 422, {
    body: filled((length) => ({
      variables: Object.fromEntries(
        Array.from({ length: length / '"v00000":0,'.length }, (_, n) => [
          `v${String(n).padStart(5, '0')}`,
          n % 10,
        ]),
      ),
    })),
  }),
  refused('60 KiB: deep nesting', 400, {
    body: `{"publicKey":"${DEMO_KEY}","variables":{"a":${'['.repeat(30 * KIB)}${']'.repeat(30 * KIB)}}}`,
  }),
  refused('over 64 KiB', 413, { body: json({ customerId: 'u'.repeat(MAX_BODY_BYTES) }) }),
];

function refused(name: string, status: number, wrong: Partial<HttpRequest>): Refused {
  return { name, status, request: { ...publicOpen, ...wrong } };
}

/** The JSON of the visit with some members replaced. */
function json(members: object): string {
  return JSON.stringify({ ...VISIT, ...members });
}

/** Makes a body that just fits into the largest request. */
function filled(members: (length: number) => object): string {
  for (let length = MAX_BODY_BYTES; ; length -= 64) {
    const body = json(members(length));
    if (body.length <= MAX_BODY_BYTES) return body;
  }
}
