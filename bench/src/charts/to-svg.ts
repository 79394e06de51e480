import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import type { Chart, Line, Panel } from './chart.js';

/** Sizes are fixed, in pixels: without a browser, Vega can only guess how wide a text is. */
const WIDTH = 880;
const PLOTS = { left: 58, right: 18, height: 190 };
/** From one plot to the next: room for the labels of a y axis. */
const GAP = 56;
/** The x axis below the plots. */
const BELOW = 52;
/** Title, legend and the titles of the panels above the plots, without the captions. */
const ABOVE = 106;
const CAPTION_LINE = 15;
const Y_TICKS = 5;
const POWERS_OF_TEN = [0.01, 0.1, 1, 10, 100, 1_000, 10_000];
/** From so many points on, a line is drawn without dots. */
const MANY = 40;
/** A logarithmic axis that begins with 0 is linear up to here. */
const LINEAR_TO = 3_000;

const COLORS = ['#2563eb', '#ea580c', '#059669', '#7c3aed'];
const DASHES = [
  [1, 0],
  [5, 4],
];
const INK = '#334155';
const MUTED = '#64748b';
const CONFIG: Config = {
  // The alternative text of the page is for screen readers. Attributes on each mark would double the file.
  aria: false,
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  title: { anchor: 'start', fontSize: 16, color: '#0f172a', subtitleColor: MUTED, subtitlePadding: 6 },
  concat: { spacing: GAP },
  axis: {
    gridColor: '#e2e8f0',
    domainColor: '#94a3b8',
    labelColor: INK,
    titleColor: INK,
    titleFontWeight: 'normal',
    tickColor: '#94a3b8',
    labelExpr: "format(datum.value, datum.value < 10000 ? ',' : '~s')",
  },
  axisX: { grid: false, labelOverlap: false, labelFlush: false },
  axisY: { domain: false, ticks: false, tickCount: Y_TICKS, labelPadding: 6 },
  legend: {
    orient: 'top',
    direction: 'horizontal',
    labelColor: INK,
    labelLimit: 400,
    offset: 26,
    symbolOpacity: 1,
    symbolType: 'stroke',
    symbolStrokeWidth: 2,
    symbolSize: 400,
  },
  line: { strokeWidth: 1.6 },
  point: { filled: true, size: 34, opacity: 1 },
};

/** Draws a chart as SVG, by Vega-Lite. The same chart gives the same bytes. @throws Error when it has no points */
export async function toSvg(chart: Chart): Promise<string> {
  const lines = chart.panels.flatMap((panel) => panel.lines);
  if (lines.every(({ points }) => points.length === 0)) {
    throw new Error(`${chart.title}: there are no points to draw`);
  }
  const { spec } = compile(specOf(chart));
  const { left, right, height } = PLOTS;
  const size = { width: WIDTH - left - right, height };
  const view = new View(parse({ ...spec, ...size }), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${roundAttributes(svg)}\n`;
}

/** Rounds to hundredths of a pixel: the last digits of a logarithm may differ from one version of Node to the next. */
function roundAttributes(svg: string): string {
  return svg.replaceAll(/<[^>]+>/g, (tag) =>
    tag.replaceAll(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2)))),
  );
}

function specOf(chart: Chart): TopLevelSpec {
  const { left, right } = PLOTS;
  return {
    title: { text: chart.title, subtitle: [...chart.captions], frame: 'group', dx: 14 - left },
    // A picture does not know whether the page around it is light or dark, and so brings its own background.
    background: '#f8fafc',
    autosize: { type: 'none' },
    padding: { left, right, top: ABOVE + CAPTION_LINE * chart.captions.length, bottom: BELOW },
    bounds: 'flush',
    hconcat: chart.panels.map((panel) => panelOf(panel, chart)),
    config: CONFIG,
  };
}

function panelOf(panel: Panel, chart: Chart) {
  const gaps = GAP * (chart.panels.length - 1);
  return {
    title: {
      text: panel.title,
      frame: 'group' as const,
      anchor: 'start' as const,
      fontSize: 12,
      color: INK,
      offset: 10,
    },
    width: (WIDTH - PLOTS.left - PLOTS.right - gaps) / chart.panels.length,
    height: PLOTS.height,
    data: {
      values: panel.lines.flatMap(({ series, variant, points }) =>
        points.map((point) => ({ ...point, series, variant })),
      ),
    },
    layer: layersOf(panel, chart),
  };
}

/** The bar to be reached, the spreads, the lines through the medians, and their dots. */
function layersOf({ scale = 'linear', bar, lines }: Panel, { x, panels }: Chart) {
  const all = panels.flatMap((panel) => panel.lines);
  const across = { x: xOf(x, all), color: colorOf(all) };
  const y = (field: string) => ({
    field,
    type: 'quantitative' as const,
    title: null,
    ...(scale === 'log'
      ? { scale: { type: 'log' as const, nice: true }, axis: { values: POWERS_OF_TEN } }
      : { scale: { zero: true, nice: Y_TICKS } }),
  });
  return [
    ...(bar === undefined
      ? []
      : [
          {
            mark: { type: 'rule' as const, strokeDash: [2, 3], color: INK },
            data: { values: [{ bar }] },
            encoding: { y: y('bar') },
          },
        ]),
    {
      mark: { type: 'rule' as const, opacity: 0.45 },
      encoding: { ...across, y: y('min'), y2: { field: 'max' } },
    },
    { mark: { type: 'line' as const }, encoding: { ...across, y: y('median'), ...dashOf(lines) } },
    ...(lines.some(({ points }) => points.length >= MANY)
      ? []
      : [{ mark: { type: 'point' as const }, encoding: { ...across, y: y('median') } }]),
  ];
}

function xOf({ label, logTicks }: Chart['x'], lines: readonly Line[]) {
  const hasZero = lines.some(({ points }) => points.some((point) => point.x === 0));
  return {
    field: 'x',
    type: 'quantitative' as const,
    title: label,
    ...(logTicks === undefined
      ? { scale: { nice: false }, axis: { tickCount: 6 } }
      : {
          scale: hasZero
            ? { type: 'symlog' as const, constant: LINEAR_TO, nice: false }
            : { type: 'log' as const, nice: false },
          axis: { values: [...logTicks] },
        }),
  };
}

function colorOf(lines: readonly Line[]) {
  const domain = [...new Set(lines.map(({ series }) => series))];
  return {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain, range: COLORS },
    legend: { title: null },
  };
}

function dashOf(lines: readonly Line[]) {
  const domain = [...new Set(lines.flatMap(({ variant }) => variant ?? []))];
  if (domain.length === 0) return {};
  const scale = { domain, range: DASHES };
  return { strokeDash: { field: 'variant', type: 'nominal' as const, scale, legend: { title: null } } };
}
