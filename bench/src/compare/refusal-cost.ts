import { type Spread, spread } from '../figures/statistics.js';
import { atLeast, atMost, type Ratio, type RoundsById, spreadOfRatio, toRatio } from './ratios.js';
import { BAD_JSON, REFUSED, type Refused } from './refused.js';

/** What refusing a request costs. */
export interface RefusalCost {
  readonly id: string;
  readonly name: string;
  readonly bodyBytes: number;
  /** Its rate divided by that of accepted opens; NaN when those were not measured. */
  readonly byAccepted: Spread;
  /** The cost of its body, when that is large. */
  readonly body: BodyCost | undefined;
}

/** The cost of a large body. */
export interface BodyCost {
  /** The CPU time of its request less that of a request which is refused at once, in µs. */
  readonly us: Spread;
  /** The CPU time of JSON.parse of it in this process, in µs. */
  readonly parseUs: number;
  /** `us` divided by `parseUs`. */
  readonly byParse: Spread;
}

/** Larger bodies cost more than the rest of their request. */
const SMALL_BYTES = 1_024;
/** How long one body is parsed in a loop, in ms. */
const PARSE_MS = 300;

/** The name of a refused request in `--only` and in the JSON. */
export function refusedId({ name }: Pick<Refused, 'name'>): string {
  return `refused-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}

/** Computes the cost of each refused request that was measured. */
export function refusalCosts(rounds: RoundsById): RefusalCost[] {
  const figures = (id: string, figure: 'rate' | 'cpuUs') =>
    rounds.get(id)?.map((round) => round[figure]) ?? [];
  const cheapest = figures(refusedId({ name: BAD_JSON }), 'cpuUs');

  const bodyCost = (id: string, body: string): BodyCost => {
    const costs = figures(id, 'cpuUs').map((us, round) => us - (cheapest[round] ?? Number.NaN));
    const parse = parseUs(body);
    return { us: spread(costs), parseUs: parse, byParse: spread(costs.map((us) => us / parse)) };
  };
  return REFUSED.filter((refused) => rounds.has(refusedId(refused))).map(({ name, request }) => {
    const id = refusedId({ name });
    const bodyBytes = Buffer.byteLength(request.body);
    const body = bodyBytes > SMALL_BYTES ? bodyCost(id, String(request.body)) : undefined;
    const byAccepted = spreadOfRatio(figures(id, 'rate'), figures('public-path', 'rate'));
    return { id, name, bodyBytes, byAccepted, body };
  });
}

/** The worst small request and the worst large one, with their bars. */
export function refusalRatios(costs: readonly RefusalCost[]): Ratio[] {
  const small = costs.flatMap(({ name, body, byAccepted }) =>
    body ? [] : toRatio(`refused up to 1 KiB / accepted (${name})`, byAccepted, atLeast(1.5)),
  );
  const large = costs.flatMap(({ name, body }) =>
    body ? toRatio(`larger body / its JSON.parse (${name})`, body.byParse, atMost(2)) : [],
  );
  const inOrder = (list: readonly Ratio[]) =>
    list
      .filter(({ value }) => !Number.isNaN(value.median))
      .toSorted((a, b) => a.value.median - b.value.median);
  return [inOrder(small).at(0), inOrder(large).at(-1)].filter((ratio) => ratio !== undefined);
}

/** Measures JSON.parse in this process: the mean CPU time in µs, garbage collection included. */
function parseUs(body: string): number {
  const before = process.cpuUsage();
  const until = performance.now() + PARSE_MS;
  let times = 0;
  do {
    JSON.parse(body);
    times++;
  } while (performance.now() < until);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
