import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tempDir } from '@chatsessions/test-harness';
import { spreadOfRatio } from '../compare/ratios.js';
import { spread } from '../figures/statistics.js';
import { figure, formatTable } from '../figures/table.js';
import { httpLoad } from '../load/http-generator.js';
import type { Watched, WatchJob } from '../load/watchers-process.js';
import { VISIT } from '../requests/demo.js';
import { publicOpen } from '../requests/open-request.js';
import { type Child, startChild } from '../servers/child.js';
import { startOurs } from '../servers/server-process.js';

const WATCHERS = [1, 10, 50, 150];
const CONNECTIONS = 64;
const WARM_UP_MS = 4_000;
/** The time limit for the last events, and how long no event must come until they count as the last, in ms. */
const LAST_MS = 120_000;
const QUIET_MS = 8_000;
/** Tokens of ten callers, since a caller may only have so many watches. */
const TOKENS = Array.from({ length: 10 }, (_, n) => `${n}`.repeat(43));

/** The figures of one number of watchers in one round. */
interface Measured {
  readonly none: number;
  readonly watched: number;
  /** CPU time of the service per open, in µs: without watchers and with them. */
  readonly noneUs: number;
  readonly watchedUs: number;
  readonly lagMs: number;
  /** Events of the first watcher while the load ran, divided by the opens of its tenant. */
  readonly share: number;
  readonly caughtUpMs: number;
}

/** The number of tenants, and the number and length of the rounds. */
export interface CurveOptions {
  readonly tenants: number;
  readonly rounds: number;
  readonly ms: number;
}

/** Measures opens per second with watchers and without, in the same round, and prints a table. */
export async function watchCurve({ tenants, rounds, ms }: CurveOptions): Promise<number> {
  const shops = Array.from({ length: tenants }, (_, n) => ({
    slug: `shop-${n}`,
    publicKey: `pk_live_${n.toString(16).padStart(32, '0')}`,
  }));
  const service = await startOurs({
    env: {
      SEED_FILE: await seedFile(shops),
      ENGINE_API_TOKENS: TOKENS.map((token, n) => `caller-${n}:${token}`).join(','),
    },
  });
  const load = httpLoad();
  const requests = shops.map(({ publicKey }) => ({
    ...publicOpen,
    body: JSON.stringify({ ...VISIT, publicKey }),
  }));
  const run = async (length: number) => {
    const before = service.cpuMs();
    const options = { connections: CONNECTIONS, ms: length };
    const { rate, answers } = await load.run(service.http ?? '', requests, options);
    return { rate, us: ((service.cpuMs() - before) * 1_000) / answers };
  };
  console.log(`${tenants} tenants, ${rounds} rounds of ${ms / 1_000} s, load by ${load.name}`);
  await run(WARM_UP_MS);

  const measured = new Map<number, Measured[]>(WATCHERS.map((count) => [count, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const count of WATCHERS) {
      // Without watchers first in one round and last in the next, since a growing store gets slower.
      const before = round % 2 ? await run(ms) : undefined;
      const job: WatchJob = {
        target: service.grpc ?? '',
        tokens: TOKENS,
        tenants: shops.map(({ slug }) => slug),
        count,
      };
      const watchers = await startChild('load/watchers-process.js', { WATCH: JSON.stringify(job) });
      const watched = await run(ms);
      const end = await look(watchers);
      const share = end.events / ((watched.rate * ms) / 1_000 / tenants);
      const caughtUpMs = await untilQuiet(watchers);
      await watchers.stop();
      const none = before ?? (await run(ms));
      const one = {
        none: none.rate,
        watched: watched.rate,
        noneUs: none.us,
        watchedUs: watched.us,
        lagMs: end.lagMs,
        share,
        caughtUpMs,
      };
      measured.get(count)?.push(one);
      console.log(
        `round ${round}, ${count} watchers: ${JSON.stringify(one, (_, value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))}`,
      );
    }
  }
  await service.stop();
  console.log(tableOf(measured));
  return 0;
}

async function seedFile(shops: readonly { readonly slug: string; readonly publicKey: string }[]) {
  const tenants = shops.map(({ slug, publicKey }) => {
    const key = { publicKey, label: slug, allowedOrigins: ['http://localhost:*'], allowsAllIntents: true };
    return { slug, name: slug, widgetKeys: [key] };
  });
  const file = join(await tempDir(), 'seed.yaml');
  // JSON is valid YAML.
  await writeFile(file, JSON.stringify({ tenants }));
  return file;
}

/** Asks the watchers what they have by now. */
async function look(watchers: Child): Promise<Watched> {
  const answer = once(watchers.process, 'message');
  watchers.process.send('look');
  const [watched] = await answer;
  return watched;
}

/** Waits for the last events. @returns how long they took, in ms */
async function untilQuiet(watchers: Child): Promise<number> {
  const began = Date.now();
  for (;;) {
    await sleep(QUIET_MS / 4);
    const { lastAt } = await look(watchers);
    const now = Date.now();
    if (now - Math.max(lastAt, began) > QUIET_MS || now > began + LAST_MS) return Math.max(lastAt - began, 0);
  }
}

function tableOf(measured: ReadonlyMap<number, readonly Measured[]>): string {
  const rows = [...measured].map(([count, all]) => {
    const median = (figureOf: (one: Measured) => number) => spread(all.map(figureOf)).median;
    const ratio = (above: keyof Measured, below: keyof Measured) =>
      spreadOfRatio(
        all.map((one) => one[above]),
        all.map((one) => one[below]),
      ).median;
    return [
      String(count),
      figure(median(({ none }) => none)),
      figure(median(({ watched }) => watched)),
      figure(ratio('watched', 'none'), 3),
      figure(ratio('noneUs', 'watchedUs'), 3),
      figure(
        median(({ share }) => share),
        2,
      ),
      figure(
        median(({ lagMs }) => lagMs / 1_000),
        1,
      ),
      figure(
        median(({ caughtUpMs }) => caughtUpMs / 1_000),
        1,
      ),
    ];
  });
  const head = [
    'watchers',
    'none, opens/s',
    'opens/s',
    'ratio',
    'of CPU per open',
    'sent meanwhile',
    'lag at the end, s',
    'caught up after, s',
  ];
  return formatTable([head, ...rows]);
}
