import type { Attack } from '../attack.js';
import { isAnswered, rawRequest, SESSIONS_PATH } from '../http.js';
import { exchange, repeatFor } from '../sockets.js';
import { createTally, figure } from '../tally.js';

const PATHS = [SESSIONS_PATH, '/chatsessions.v1.ChatSessions/OpenSession', '/no/such/path'];

/** Lines of Host; a server must answer 400 to those that are `invalid` (RFC 9112, section 3.2). */
const HOSTS: readonly { readonly lines: readonly string[]; readonly invalid: boolean }[] = [
  { lines: ['Host: %'], invalid: true },
  { lines: ['Host: ['], invalid: true },
  { lines: ['Host: []'], invalid: true },
  { lines: ['Host: a b'], invalid: true },
  { lines: ['Host: a/b'], invalid: true },
  { lines: ['Host: x@y'], invalid: true },
  { lines: ['Host: a', 'Host: b'], invalid: true },
  { lines: [], invalid: true },
  { lines: ['Host:'], invalid: false },
  { lines: ['Host: x:99999'], invalid: false },
  { lines: ['Host: x:'], invalid: false },
  { lines: [`Host: ${'x'.repeat(8_000)}`], invalid: false },
];

/** A stack trace in the log is told of by the watch of the log: it is a line of the level error. */
export const hostHeaders: Attack = {
  name: 'host-headers',
  shows: 'Host headers that are no host, missing, or there twice, on public paths and Connect: never a 500',
  seconds: 3,
  quickSeconds: 0.3,
  async run({ target, ms }) {
    const body = JSON.stringify({ publicKey: target.publicKey });
    const requests = PATHS.flatMap((path) =>
      HOSTS.map(({ lines, invalid }) => {
        const whole = rawRequest({ path, body, headers: lines.length > 0 ? [...lines] : ['Host: none'] });
        const bytes =
          lines.length > 0 ? whole : Buffer.from(whole.toString('latin1').replace('Host: none\r\n', ''));
        return { bytes, invalid, name: `${lines.join(', ').slice(0, 30) || 'no Host'} at ${path}` };
      }),
    );
    const statuses = createTally();
    const faults = new Set<string>();
    let sent = 0;
    const ask = async () => {
      const request = requests[sent++ % requests.length];
      if (request === undefined) return;
      const answer = await exchange(target.http, target, [request.bytes], {
        timeoutMs: 5_000,
        isDone: isAnswered,
      });
      const status = answer.statuses[0] ?? 0;
      statuses.add(status || 'no answer');
      if (status >= 500 || status === 0) faults.add(`${request.name}: ${status || 'no answer'}`);
      else if (request.invalid && status < 400) faults.add(`${request.name}: ${status}, not 400`);
    };
    // Each once, however short the time is.
    for (const _ of requests) await ask();
    await repeatFor(ms, 4, ask);
    return { sent: `${figure(sent)} requests`, seen: statuses.text(), faults: [...faults] };
  },
};
