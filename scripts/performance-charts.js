// What is drawn of the figures that bench/ writes.

/** The embedded server has the first, whatever other database is beside it. */
const COLORS = ['#2563eb', '#ea580c', '#059669', '#7c3aed'];
const EMBEDDED = 'embedded server';
const DASH = '5 4';
/** The most points of a line of samples: more than that many pixels cannot be seen. */
const MAX_SAMPLES = 250;
/** What the process may have at most, of which a picture shows how near it comes: 200 MB. */
const MEMORY_BAR_MIB = 200e6 / 2 ** 20;

const RATE = { title: 'opens per second', lines: { rate: {} } };
const CPU = { title: 'CPU time of the server per open, µs', lines: { cpu: {} } };
const LATENCY = {
  title: 'latency, ms',
  scale: 'log',
  lines: { p50: { variant: 'p50' }, p99: { variant: 'p99', dash: DASH } },
};

/** What is drawn of each curve of `npm run bench -- scaling`. A panel's lines are metrics of the points. */
const CURVES = {
  connections: {
    title: 'Opens by the number of connections',
    x: { label: 'connections', scale: 'log', base: 4 },
    panels: [RATE, LATENCY, CPU],
  },
  stored: {
    title: 'Opens by the number of stored conversations, beside an empty database',
    x: { label: 'stored conversations', scale: 'log', base: 10 },
    panels: [
      {
        title: 'opens per second',
        lines: {
          rate: { variant: 'filled' },
          emptyRate: { variant: 'empty, in the same rounds', dash: DASH },
        },
      },
      { title: 'opens, filled / empty (dotted: 0.9)', bar: 0.9, lines: { ratio: {} } },
      { title: 'GetSession, filled / empty', lines: { lookUpRatio: {} } },
    ],
  },
  tenants: {
    title: 'Opens by the number of tenants, each with a widget key in use',
    x: { label: 'tenants', scale: 'log', base: 10 },
    panels: [
      RATE,
      { title: "the process's own memory, MiB", lines: { memory: {} } },
      { title: 'start until the first open, ms', lines: { firstOpen: {} } },
    ],
  },
  intents: {
    title: 'Opens by the number of intents in the answer',
    x: { label: 'intents', scale: 'linear' },
    panels: [RATE, CPU, { title: 'bytes of the answer', lines: { answerBytes: {} } }],
  },
  variables: {
    title: 'Opens by the size of their variables',
    x: { label: 'bytes of variables, as compact JSON', scale: 'linear' },
    panels: [RATE, CPU],
  },
};

/** The charts of each kind of entries. */
const KINDS = {
  scaling: (entries) =>
    [...groupBy(entries, ({ name }) => name)].map(([name, group]) => {
      const curve = Object.hasOwn(CURVES, name) ? CURVES[name] : undefined;
      if (!curve) throw new Error(`it has a curve ${JSON.stringify(name)}, which there is no chart for`);
      const panels = curve.panels.map((panel) => ({ ...panel, lines: metricLines(panel.lines, group) }));
      return [`scaling-${name}`, { ...curve, captions: group.map(caption), panels }];
    }),
  memory: (entries) => [
    [
      'memory',
      {
        title: "The serving process's own memory (RssAnon) while sessions are opened",
        captions: entries.map(caption),
        x: { label: 'opens', scale: 'linear' },
        panels: [
          {
            title: 'MiB (dotted: 200 MB)',
            bar: MEMORY_BAR_MIB,
            lines: entries.map((entry) => sampleLine(entry, entries)),
          },
        ],
      },
    ],
  ],
};

/**
 * The charts of a results file, each with the name of its picture: see lineChart. None of a kind that is for tables.
 *
 * @throws Error when there are no figures, or some that no chart is for
 */
export function chartsOf(kind, entries) {
  const charts = Object.hasOwn(KINDS, kind ?? '') ? KINDS[kind] : undefined;
  if (!charts) return [];
  if (!Array.isArray(entries) || entries.length === 0) throw new Error('it has no figures');
  const isOther = ({ database }) => Number(database !== EMBEDDED);
  return charts(entries.toSorted((a, b) => isOther(a) - isOther(b)));
}

/** A line for each metric of each entry, where its points have it. */
function metricLines(metrics, entries) {
  return entries.flatMap(({ database, points }) =>
    Object.entries(metrics).map(([metric, look]) => ({
      ...look,
      series: database,
      color: colorOf(database, entries),
      points: points
        .filter(({ metrics: measured }) => measured[metric] !== undefined)
        .map(({ x, metrics: measured }) => ({ x, ...measured[metric] })),
    })),
  );
}

/** A line of [x, y] samples, thinned: of those that share a pixel, the highest. */
function sampleLine({ database, samples }, entries) {
  const size = Math.ceil(samples.length / MAX_SAMPLES);
  const groups = [...groupBy(samples, (_, n) => Math.floor(n / size)).values()];
  const highest = groups.map((group) =>
    group.reduce((high, sample) => (sample[1] > high[1] ? sample : high)),
  );
  return {
    series: database,
    color: colorOf(database, entries),
    points: highest.map(([x, median]) => ({ x, median })),
  };
}

function caption({ database, measured }) {
  const { date, node, cpus, load, rounds, seconds, connections } = measured;
  const parts = [
    database,
    connections !== undefined && `${connections} connections`,
    rounds !== undefined && `medians and spread of ${rounds} rounds of ${seconds} s`,
    `load by ${load}`,
    `${cpus} CPUs, Node ${node.replace(/^v/, '')}`,
    date,
  ];
  return parts.filter(Boolean).join(' · ');
}

function colorOf(database, entries) {
  const others = entries.map((entry) => entry.database).filter((name) => name !== EMBEDDED);
  return COLORS[(others.indexOf(database) + 1) % COLORS.length];
}

/** The items of each key, in the order in which the keys come first. */
function groupBy(items, keyOf) {
  const groups = new Map();
  items.forEach((item, index) => {
    const key = keyOf(item, index);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  });
  return groups;
}
