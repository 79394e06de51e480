import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const PATH = '/api/public/v1/chat/sessions';
/** Its widget needs no Origin. */
const PUBLIC_KEY = 'pk_live_00000000000000000000000000000005';

/** A session as it was answered. */
export interface Session {
  readonly conversationId: string;
  readonly sessionToken: string;
}

/** What came of one open: a session, a clean refusal, or no answer at all. */
export type Outcome =
  | { readonly kind: 'opened'; readonly session: Session }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unanswered' };

/** A new, random Idempotency-Key. */
export const newKey = (): string => randomUUID();

/**
 * Opens a session over the public path.
 *
 * @throws Error for any answer but 200 and a 503 with Retry-After: no crash may cause another
 */
export async function open(url: string, key: string): Promise<Outcome> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`${url}${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ publicKey: PUBLIC_KEY, variables: { key } }),
    });
    text = await answer.text();
  } catch {
    return { kind: 'unanswered' };
  }
  if (answer.status === 200) {
    // The cast is safe: the public path always answers both members.
    return { kind: 'opened', session: JSON.parse(text) as Session };
  }
  const isClean = answer.status === 503 && /^\d+$/.test(answer.headers.get('retry-after') ?? '');
  if (!isClean) throw new Error(`an open was answered ${answer.status}: ${text}`);
  return { kind: 'refused' };
}

/** How long a service may take to open sessions again, in ms. */
const MAX_REFUSED_MS = 30_000;

/** The service does not come back. */
export class StuckError extends Error {}

/**
 * Opens a session, again and again with the same key until it is answered.
 *
 * @throws StuckError after 30 s
 */
export async function openAtLast(url: string, key: string): Promise<Session> {
  const deadline = performance.now() + MAX_REFUSED_MS;
  for (;;) {
    const outcome = await open(url, key);
    if (outcome.kind === 'opened') return outcome.session;
    if (performance.now() > deadline)
      throw new StuckError(`still ${outcome.kind} after ${MAX_REFUSED_MS} ms`);
    await sleep(20);
  }
}

/** Clients that open one session after the other, each under a key of its own. */
export interface Openers {
  /** The sessions acknowledged, by their key. */
  readonly acknowledged: ReadonlyMap<string, Session>;
  /** The keys of opens that were refused or not answered: whether these are stored is not known. */
  readonly unknown: readonly string[];
  /** Ends when the opens under way are answered, or failed. */
  stop(): Promise<void>;
}

/** Starts `count` openers. */
export function startOpeners(url: string, count: number): Openers {
  const acknowledged = new Map<string, Session>();
  const unknown: string[] = [];
  let isStopped = false;
  const opener = async (): Promise<void> => {
    while (!isStopped) {
      const key = newKey();
      const outcome = await open(url, key);
      if (outcome.kind === 'opened') acknowledged.set(key, outcome.session);
      else {
        unknown.push(key);
        // As clients do: or 64 of them would spin while nothing listens.
        await sleep(20);
      }
    }
  };
  const all = Promise.all(Array.from({ length: count }, opener));
  // Reported by `stop`.
  all.catch(() => {});
  return {
    acknowledged,
    unknown,
    async stop() {
      isStopped = true;
      await all;
    },
  };
}
