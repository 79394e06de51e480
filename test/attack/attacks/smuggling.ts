import type { Attack } from '../attack.js';
import { SESSIONS_PATH } from '../http.js';
import { exchange, repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';

/** What would be a second request, if the service read the first one to be shorter than it is. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

/** Heads whose length can be read in two ways: behind a proxy that reads the other one, a request hides in a body. */
const HEADS: readonly (readonly string[])[] = [
  ['Content-Length: 6', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Content-Length: 6'],
  ['Content-Length: 0', 'Content-Length: 40'],
  ['Content-Length: 0, 40'],
  ['Content-Length: +5'],
  ['Content-Length: -5'],
  ['Content-Length: 0x5'],
  ['Content-Length: 5 5'],
  ['Content-Length: 99999999999999999999'],
  ['Content-Length : 0'],
  ['Transfer-Encoding: identity, chunked', 'Content-Length: 0'],
  ['Transfer-Encoding: xchunked'],
  ['Transfer-Encoding: chunked, identity'],
  ['Transfer-Encoding : chunked', 'Content-Length: 0'],
  ['Transfer-Encoding:\u000bchunked'],
  ['X: y\nTransfer-Encoding: chunked'],
  ['X: y\rTransfer-Encoding: chunked'],
  [' Content-Length: 0'],
  ['X: y', ' Transfer-Encoding: chunked', 'Content-Length: 0'],
  ['Content-Length: 0\u0000'],
];
/** Bodies whose chunks can be read in two ways. */
const CHUNKS = [
  '0\n\r\n',
  '0\r\n\n',
  '5;\nx\r\n',
  '-1\r\n',
  '0x0\r\n\r\n',
  'g\r\n\r\n',
  'ffffffffffffffffff\r\n',
  '5\r\nabcdeX\r\n0\r\n\r\n',
];

/** A service must refuse such a request, or answer it once and close the connection (RFC 9112, section 6.3). */
export const smuggling: Attack = {
  name: 'http-smuggling',
  shows: 'requests with two lengths or broken ones, and a second request hidden behind: refused (HTTP)',
  seconds: 3,
  quickSeconds: 0.3,
  async run({ target, ms }) {
    const start = `POST ${SESSIONS_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const requests = [
      ...HEADS.map((lines) => ({
        name: lines.join(' | '),
        text: `${start}${lines.join('\r\n')}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      })),
      ...CHUNKS.map((chunk) => ({
        name: JSON.stringify(chunk),
        text: `${start}Transfer-Encoding: chunked\r\n\r\n${chunk}${SMUGGLED}`,
      })),
    ];
    const statuses = createTally();
    const faults = new Set<string>();
    let sent = 0;
    const ask = async () => {
      const request = requests[sent++ % requests.length];
      if (request === undefined) return;
      const { statuses: all, text } = await exchange(
        target.http,
        target,
        [Buffer.from(request.text, 'latin1')],
        {
          timeoutMs: 3_000,
          isDone: (soFar) => soFar.includes('HTTP/1.1 '),
        },
      );
      const status = all[0];
      statuses.add(status ?? 'closed');
      const isRefused = status === undefined || (status >= 400 && status < 500);
      if (!isRefused || all.length > 1 || text.includes('HTTP/1.1 404')) {
        faults.add(`${JSON.stringify(request.name)}: ${all.join(', ') || 'closed'}`);
      }
    };
    for (const _ of requests) await ask();
    await repeatFor(ms, 8, ask);
    return { sent: `${figure(sent)} requests`, seen: statuses.text(), faults: [...faults] };
  },
};
