import { linearAxis, logAxis, tickLabel } from './axis.js';

const WIDTH = 880;
const EDGE = 16;
const PLOT = { left: 46, top: 104, height: 190 };
/** Under the plots: the numbers of the x axis, its name, and two lines that say how it was measured. */
const HEIGHT = PLOT.top + PLOT.height + 92;
/** From so many points on, a line is drawn without its points. */
const MANY = 40;
const NEUTRAL = '#64748b';

// Colours of both modes are its own: a picture in a page does not know which one the page is in.
const STYLE = `text{font:11px system-ui,sans-serif;fill:#334155}.t{font-size:16px;font-weight:600;fill:#0f172a}
.p{font-size:12px;font-weight:600}.c{fill:#64748b}.r{text-anchor:end}.m{text-anchor:middle}
path{fill:none;stroke-width:1.6;stroke-linejoin:round}.g{stroke:#e2e8f0;stroke-width:1}.a{stroke:#94a3b8;stroke-width:1}
.s{stroke-opacity:.45}.d{stroke-width:6;stroke-linecap:round}.b{stroke:#475569;stroke-width:1;stroke-dasharray:2 3}`;

/**
 * Draws panels beside one another that share an x axis, as an SVG of its own. The same chart gives the same bytes.
 *
 * @param {{
 *   title: string,
 *   captions: readonly string[],
 *   x: {label: string, scale: 'linear' | 'log', base?: number},
 *   panels: readonly {
 *     title: string,
 *     scale?: 'linear' | 'log',
 *     bar?: number,
 *     lines: readonly {
 *       series: string, color: string, variant?: string, dash?: string,
 *       points: readonly {x: number, median: number, min?: number, max?: number}[],
 *     }[],
 *   }[],
 * }} chart `bar` is a value to be reached, drawn across its panel; a series has its colour, a variant of it its `dash`
 * (SVG's stroke-dasharray)
 * @throws Error when there is nothing to draw, or what is no number
 */
export function lineChart({ title, captions, x, panels }) {
  const points = panels.flatMap(({ lines }) => lines.flatMap((line) => line.points));
  const xs = points.map((point) => point.x);
  if (xs.length === 0) throw new Error(`${title}: there are no points to draw`);
  if (!points.flatMap(Object.values).every(Number.isFinite)) {
    throw new Error(`${title}: a point has something that is no number`);
  }
  const xAxis = x.scale === 'log' ? logAxis(xs, x.base) : linearAxis(Math.max(...xs), 6);
  const panelWidth = (WIDTH - 2 * EDGE) / panels.length;
  const drawn = panels.map((panel, index) => {
    const left = EDGE + index * panelWidth + PLOT.left;
    return drawPanel(panel, { left, width: panelWidth - PLOT.left - 14, xAxis, xLabel: x.label });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect x=".5" y=".5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8" fill="#f8fafc" stroke="#cbd5e1"/>`,
    text(EDGE, 28, title, 't'),
    ...legend(panels),
    ...drawn.flat(),
    ...captions.map((caption, line) =>
      text(EDGE, HEIGHT - 12 - 15 * (captions.length - 1 - line), caption, 'c'),
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** Each series with its colour, then each variant with its dash. */
function legend(panels) {
  const lines = panels.flatMap((panel) => panel.lines);
  const variants = lines.filter(({ variant }) => variant !== undefined);
  const looks = new Map([
    ...lines.map(({ series, color }) => [series, stroke(color)]),
    ...variants.map(({ variant, dash }) => [variant, stroke(NEUTRAL, dash)]),
  ]);
  let left = EDGE;
  return [...looks].flatMap(([label, look]) => {
    const at = left;
    // Wide enough for the widest letters of the fonts that there are.
    left += 48 + label.length * 6.4;
    return [`<path ${look} d="M${number(at)} 50h22"/>`, text(at + 28, 54, label)];
  });
}

function drawPanel({ title, scale, bar, lines }, { left, width, xAxis, xLabel }) {
  const ends = lines.flatMap(({ points }) => points.flatMap(({ median, max = median }) => [median, max]));
  const starts = lines.flatMap(({ points }) => points.map(({ median, min = median }) => min));
  const yAxis = scale === 'log' ? logAxis([...starts, ...ends]) : linearAxis(Math.max(...ends, bar ?? 0));
  const bottom = PLOT.top + PLOT.height;
  const toX = (value) => number(left + xAxis.place(value) * width);
  const toY = (value) => number(bottom - yAxis.place(value) * PLOT.height);
  return [
    text(left, PLOT.top - 14, title, 'p'),
    `<path class="g" d="${yAxis.ticks.map((tick) => `M${left} ${toY(tick)}h${number(width)}`).join('')}"/>`,
    ...yAxis.ticks.map((tick) => text(left - 6, toY(tick) + 4, tickLabel(tick), 'r')),
    `<path class="a" d="M${left} ${bottom}h${number(width)}${xAxis.ticks.map((tick) => `M${toX(tick)} ${bottom}v4`).join('')}"/>`,
    ...xAxis.ticks.map((tick) => text(toX(tick), bottom + 17, tickLabel(tick), 'm')),
    text(left + width / 2, bottom + 35, xLabel, 'm'),
    ...(bar === undefined ? [] : [`<path class="b" d="M${left} ${toY(bar)}h${number(width)}"/>`]),
    ...lines.flatMap((line) => drawLine(line, toX, toY)),
  ];
}

/** The medians, joined; a bar from the least to the most at each. */
function drawLine({ color, dash, points }, toX, toY) {
  const ordered = [...points].sort((a, b) => a.x - b.x);
  const at = ordered.map(({ x, median }) => `${toX(x)} ${toY(median)}`);
  const spreads = ordered.filter(({ min, max }) => min !== undefined && max !== undefined && min < max);
  const bars = spreads.map(({ x, min, max }) => `M${toX(x)} ${toY(max)}V${toY(min)}`).join('');
  return [
    ...(bars === '' ? [] : [`<path class="s" ${stroke(color)} d="${bars}"/>`]),
    ...(at.length > 1 ? [`<path ${stroke(color, dash)} d="M${at.join('L')}"/>`] : []),
    ...(at.length < MANY
      ? [`<path class="d" ${stroke(color)} d="${at.map((place) => `M${place}h0`).join('')}"/>`]
      : []),
  ];
}

function stroke(color, dash) {
  return `stroke="${escapeXml(color)}"${dash === undefined ? '' : ` stroke-dasharray="${escapeXml(dash)}"`}`;
}

function text(x, y, content, style) {
  const look = style === undefined ? '' : ` class="${style}"`;
  return `<text x="${number(x)}" y="${number(y)}"${look}>${escapeXml(content)}</text>`;
}

/** A tenth of a pixel is as much as anybody sees. */
function number(value) {
  return Number(value.toFixed(1));
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeXml(content) {
  return content.replace(/[&<>"]/g, (character) => ENTITIES[character]);
}
