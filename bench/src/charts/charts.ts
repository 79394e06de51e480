import { z } from 'zod';
import type { Chart, Line, Panel } from './chart.js';

/** The most points of a line of samples: more would fall on the same pixels. */
const MAX_SAMPLES = 250;
/** The goal for the memory of the process: 200 MB. */
const MEMORY_BAR_MIB = 200e6 / 2 ** 20;
const EMBEDDED = 'embedded server';

const spread = z.object({ median: z.number(), min: z.number(), max: z.number() });
const entry = z.object({
  name: z.string(),
  database: z.string(),
  measured: z.object({
    date: z.string(),
    node: z.string(),
    cpus: z.number(),
    load: z.string(),
    rounds: z.number().optional(),
    seconds: z.number().optional(),
    connections: z.number().optional(),
  }),
});
const points = z.array(z.object({ x: z.number(), metrics: z.record(z.string(), spread) })).min(1);
const scalingFile = z.object({ entries: z.array(entry.extend({ points })).min(1) });
const samples = z.array(z.tuple([z.number(), z.number()])).min(1);
const memoryFile = z.object({ entries: z.array(entry.extend({ samples })).min(1) });

type Entry = z.infer<typeof entry>;
type ScalingEntry = z.infer<typeof scalingFile>['entries'][number];
type MemoryEntry = z.infer<typeof memoryFile>['entries'][number];

/** A panel of a curve: its lines are metrics of the points, each with the name of its variant. */
interface CurvePanel extends Pick<Panel, 'title' | 'scale' | 'bar'> {
  readonly metrics: Readonly<Record<string, string | undefined>>;
}

const RATE: CurvePanel = { title: 'opens per second', metrics: { rate: undefined } };
const CPU: CurvePanel = { title: 'CPU of the server per open, µs', metrics: { cpu: undefined } };
const LATENCY: CurvePanel = { title: 'latency, ms', scale: 'log', metrics: { p50: 'p50', p99: 'p99' } };

/** The charts of `npm run bench -- scaling`, by the name of the curve. */
const CURVES = new Map<string, Pick<Chart, 'title' | 'x'> & { readonly panels: readonly CurvePanel[] }>([
  [
    'connections',
    {
      title: 'Opens by the number of connections',
      x: { label: 'connections', logTicks: [1, 4, 16, 64, 256, 1_024] },
      panels: [RATE, LATENCY, CPU],
    },
  ],
  [
    'stored',
    {
      title: 'Opens by the number of stored conversations, beside an empty database',
      x: { label: 'stored conversations', logTicks: [0, 10_000, 100_000, 1_000_000, 5_000_000] },
      panels: [
        { title: 'opens per second', metrics: { rate: 'filled', emptyRate: 'empty, in the same rounds' } },
        { title: 'opens, filled / empty (dotted: 0.9)', bar: 0.9, metrics: { ratio: undefined } },
        { title: 'GetSession, filled / empty', metrics: { lookUpRatio: undefined } },
      ],
    },
  ],
  [
    'tenants',
    {
      title: 'Opens by the number of tenants, each with a widget key in use',
      x: { label: 'tenants', logTicks: [1, 10, 100, 1_000, 10_000] },
      panels: [
        RATE,
        { title: "the process's own memory, MiB", metrics: { memory: undefined } },
        { title: 'start until the first open, ms', metrics: { firstOpen: undefined } },
      ],
    },
  ],
  [
    'intents',
    {
      title: 'Opens by the number of intents in the answer',
      x: { label: 'intents' },
      panels: [RATE, CPU, { title: 'bytes of the answer', metrics: { answerBytes: undefined } }],
    },
  ],
  [
    'variables',
    {
      title: 'Opens by the size of their variables',
      x: { label: 'bytes of variables, as compact JSON' },
      panels: [RATE, CPU],
    },
  ],
]);

/**
 * The charts of a results file, by the names of their pictures. Results of other kinds have none.
 *
 * @throws Error when the figures are not what a chart needs; the message names the first fault
 */
export function chartsOf(results: unknown): ReadonlyMap<string, Chart> {
  const kind = z.object({ kind: z.string() }).safeParse(results).data?.kind;
  if (kind === 'scaling') return scalingCharts(read(scalingFile, results).entries);
  if (kind === 'memory') return new Map([['memory', memoryChart(read(memoryFile, results).entries)]]);
  return new Map();
}

function read<T>(schema: z.ZodType<T>, results: unknown): T {
  const { data, error } = schema.safeParse(results);
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new Error(`${issue?.path.join('.')}: ${issue?.message}`);
}

function scalingCharts(entries: readonly ScalingEntry[]): ReadonlyMap<string, Chart> {
  const names = [...new Set(entries.map(({ name }) => name))];
  return new Map(
    names.map((name) => {
      const curve = CURVES.get(name);
      if (!curve) throw new Error(`there is no chart for the curve ${JSON.stringify(name)}`);
      const group = embeddedFirst(entries.filter((one) => one.name === name));
      const panels = curve.panels.map(({ metrics, ...panel }) => {
        return { ...panel, lines: group.flatMap((one) => curveLines(one, metrics)) };
      });
      return [`scaling-${name}`, { ...curve, captions: group.map(caption), panels }];
    }),
  );
}

function curveLines({ database, points }: ScalingEntry, metrics: CurvePanel['metrics']): Line[] {
  return Object.entries(metrics).map(([metric, variant]) => ({
    series: database,
    ...(variant !== undefined && { variant }),
    points: points.flatMap(({ x, metrics: { [metric]: measured } }) => (measured ? { x, ...measured } : [])),
  }));
}

function memoryChart(entries: readonly MemoryEntry[]): Chart {
  const group = embeddedFirst(entries);
  return {
    title: "The serving process's own memory (RssAnon) while sessions are opened",
    captions: group.map(caption),
    x: { label: 'opens' },
    panels: [{ title: 'MiB (dotted: 200 MB)', bar: MEMORY_BAR_MIB, lines: group.map(memoryLine) }],
  };
}

/** Thins the samples: of neighbours, the highest stays. */
function memoryLine({ database, samples }: MemoryEntry): Line {
  const size = Math.ceil(samples.length / MAX_SAMPLES);
  const groups = Array.from({ length: Math.ceil(samples.length / size) }, (_, n) =>
    samples.slice(n * size, (n + 1) * size),
  );
  return {
    series: database,
    points: groups.flatMap((group) => {
      const [highest] = group.toSorted(([, a], [, b]) => b - a);
      return highest ? { x: highest[0], median: highest[1] } : [];
    }),
  };
}

function embeddedFirst<E extends Entry>(entries: readonly E[]): readonly E[] {
  const isOther = ({ database }: E) => Number(database !== EMBEDDED);
  return entries.toSorted((a, b) => isOther(a) - isOther(b));
}

function caption({ database, measured }: Entry): string {
  const { date, node, cpus, load, rounds, seconds, connections } = measured;
  return [
    database,
    ...(connections === undefined ? [] : [`${connections} connections`]),
    ...(rounds === undefined ? [] : [`medians and spread of ${rounds} rounds of ${seconds} s`]),
    `load by ${load}`,
    `${cpus} CPUs, Node ${node.replace(/^v/, '')}`,
    date,
  ].join(' · ');
}
