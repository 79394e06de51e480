import type { JsonObject } from '@bufbuild/protobuf';
import type { HttpRequest } from '../load/http.js';
import { withPlace, withService } from '../servers/place.js';
import type { ServerProcess } from '../servers/server-process.js';
import { type Shop, shop } from './catalogue.js';
import { addShops, CONNECTIONS, type Curve, type Study } from './curve.js';
import { called, metricsOf, openRequest, sendOnce, warmUp } from './opens.js';
import { inTurns, type Metrics } from './turns.js';

/** A curve whose points differ in their requests and share one service. */
interface RequestCurve {
  readonly name: string;
  readonly about: string;
  readonly xs: readonly number[];
  readonly quickXs: readonly number[];
  readonly shops?: readonly Shop[];
  readonly callsOf: (x: number) => { readonly request: HttpRequest; readonly connections?: number };
}

/** The longest warm-up round, in ms: the process is warm already. */
const SHORT_MS = 1_000;

const INTENTS = [0, 10, 50, 100, 200];

/** Opens by the number of connections, each with one open in flight. */
export const connections = requestCurve({
  name: 'connections',
  about: 'connections, 1 to 1,024',
  xs: Array.from({ length: 11 }, (_, power) => 2 ** power),
  quickXs: [1, 32],
  callsOf: (x) => ({ request: openRequest(), connections: x }),
});

/** Opens by the number of intents in the answer. */
export const intents = requestCurve({
  name: 'intents',
  about: 'intents in the answer, 0 to 200',
  xs: INTENTS,
  quickXs: [0, 200],
  shops: INTENTS.map((count) => shop(0, count)),
  callsOf: (x) => ({ request: openRequest({ publicKey: shop(0, x).key.publicKey }) }),
});

/** Opens by the size of the variables. */
export const variables = requestCurve({
  name: 'variables',
  about: 'bytes of variables, 0 to 4,096',
  xs: [0, 64, 512, 1_024, 2_048, 4_096],
  quickXs: [0, 4_096],
  callsOf: (x) => ({ request: openRequest({ variables: variablesOf(x) }) }),
});

function requestCurve({ name, about, xs, quickXs, shops = [], callsOf }: RequestCurve): Curve {
  const measureAll = async (study: Study, server: ServerProcess) => {
    const { load, rounds, ms, warmUpMs, isQuick, print, onFailure, record } = study;
    await warmUp({ server, load, requests: [openRequest()], connections: CONNECTIONS, ms }, warmUpMs);
    await inTurns({
      xs: isQuick ? quickXs : xs,
      rounds,
      async measure(x, round): Promise<Metrics> {
        const { request, connections = CONNECTIONS } = callsOf(x);
        const time = round === 0 ? Math.min(ms, SHORT_MS) : ms;
        const metrics = metricsOf(await called({ server, load, requests: [request], connections, ms: time }));
        print(progress(name, x, round, rounds, metrics));
        return { ...metrics, answerBytes: Buffer.byteLength(await sendOnce(server, request)) };
      },
      onFailure,
      onRound: record,
    });
  };
  return {
    name,
    about,
    measure: (study) =>
      withPlace(study.databases, (place) =>
        withService(place, async (server) => {
          await addShops(place, shops);
          await measureAll(study, server);
        }),
      ),
  };
}

/** Formats the metrics of a round in one line. */
export function progress(name: string, x: number, round: number, rounds: number, metrics: Metrics): string {
  const which = round === 0 ? 'warm-up' : `round ${round} of ${rounds}`;
  const { rate = 0, p50 = 0, p99 = 0, cpu = Number.NaN } = metrics;
  const times = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${Math.round(cpu)} µs of CPU`;
  return `${name} ${x}, ${which}: ${Math.round(rate)}/s, ${times}`;
}

/** The bytes around the text of a variable: `"v_00":"",`. */
const AROUND = 10;
const PER_VARIABLE = 100;
const TEXT = 'what a page knows of its visitor ';

/** Makes variables that take exactly so many bytes as compact JSON: 0, or at least 11. */
export function variablesOf(bytes: number): JsonObject {
  const count = Math.ceil(bytes / PER_VARIABLE);
  // Two braces more, and one comma less.
  let left = bytes - 1 - AROUND * count;
  const entries = Array.from({ length: count }, (_, index) => {
    const length = Math.ceil(left / (count - index));
    left -= length;
    return [`v_${String(index).padStart(2, '0')}`, TEXT.repeat(4).slice(0, length)] as const;
  });
  return Object.fromEntries(entries);
}
