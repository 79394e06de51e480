import { type Spread, spread } from '../figures/statistics.js';
import { atLeast, atMost, type Ratio, type RoundsById, spreadOfRatio, toRatio } from './ratios.js';
import { BAD_JSON, REFUSED, type Refused } from './refused.js';

/** What refusing a request costs. */
export interface RefusalCost {
  readonly id: string;
  readonly name: string;
  readonly bodyBytes: number;
  /** Its rate by that of opens that are accepted; NaN when those were not measured. */
  readonly byAccepted: Spread;
  /** Of a large one, what its body costs. */
  readonly body: BodyCost | undefined;
}

/** What a large body costs. */
export interface BodyCost {
  /** What its request takes more CPU time than one that is refused at once, in µs. */
  readonly us: Spread;
  /** What JSON.parse of it takes in this process, in µs of CPU time. */
  readonly parseUs: number;
  /** The one by the other. */
  readonly byParse: Spread;
}

/** Bodies of more than this are large: it is they that cost. */
const SMALL_BYTES = 1_024;
/** For how long one body is parsed again and again, in ms. */
const PARSE_MS = 300;

/** What `--only` and the JSON call a refused request. */
export function refusedId({ name }: Pick<Refused, 'name'>): string {
  return `refused-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}

/** What refusing cost, for each refused request that was measured. */
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

/** The worst of the small ones and the worst of the large ones, beside their bars. */
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

/** What JSON.parse takes here, in µs of CPU time: the mean of many times, with the garbage that it makes. */
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
