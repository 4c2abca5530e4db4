// A chart of courses over steps, drawn by uPlot, read by eye, keyboard or ear.
import uPlot from 'uplot';
import type { Point } from '../../src/panel/messages';
import { h } from '../shared/dom';
import { align, at, describe } from './series';

export interface Line {
  name: string;
  points: Point[];
  /** A colour of the theme: the end of `--vscode-charts-…`. */
  colour: string;
  /** Drawn behind the others. */
  faint?: boolean;
  /** Drawn, but not told of. */
  silent?: boolean;
  dashed?: boolean;
  dots?: boolean;
}

export interface Chart {
  element: HTMLElement;
  update: (lines: Line[]) => void;
}

const colourOf = (element: Element, name: string): string =>
  getComputedStyle(element).getPropertyValue(`--vscode-charts-${name}`).trim() || 'currentColor';

const charts = new Set<() => void>();
/** Draw all charts anew, in the colours of the theme as it is now. */
export const redraw = (): void => charts.forEach((draw) => draw());

/** An empty chart; it is hidden until there is something to draw. */
export function chart(title: string, show: (value: number) => string, height: number): Chart {
  const area = h('div', { class: 'plot', tabindex: 0, role: 'img' });
  const readout = h('div', { class: 'readout' });
  const spoken = h('span', { class: 'unseen', role: 'status' });
  const element = h(
    'figure',
    { class: 'chart', hidden: true },
    h('figcaption', {}, h('h3', {}, title), readout),
    area,
    spoken,
  );
  let lines: Line[] = [];
  let plot: uPlot | undefined;
  let drawn = '';

  const told = (): Line[] => lines.filter((line) => !line.silent);
  const read = (step?: number): void => {
    const last = Math.max(...told().map(({ points }) => points[points.length - 1]?.[0] ?? 0));
    const items = told().map((line) => {
      const point = at(line.points, step ?? last);
      const mark = h('span', { class: line.dashed ? 'key dashed' : 'key' });
      mark.style.color = `var(--vscode-charts-${line.colour})`;
      return h(
        'span',
        { class: 'value' },
        line.name && mark,
        line.name && `${line.name} `,
        h('b', {}, point ? show(point[1]) : '–'),
      );
    });
    readout.replaceChildren(h('span', { class: 'step' }, `step ${step ?? last}`), ...items);
  };
  const say = (): void => {
    const step = plot?.cursor.idx == null ? undefined : plot.data[0][plot.cursor.idx];
    spoken.textContent = step === undefined ? '' : (readout.textContent ?? '');
  };
  const draw = (): void => {
    plot?.destroy();
    plot = undefined;
    if (!lines.length || !area.clientWidth) return;
    plot = new uPlot(options(area, lines, show, height, read), align(lines.map(({ points }) => points)), area);
  };
  area.addEventListener('keydown', (event) => {
    if (plot && move(plot, event.key)) {
      event.preventDefault();
      say();
    }
  });
  area.addEventListener('blur', () => plot?.setCursor({ left: -10, top: -10 }));
  new ResizeObserver(() => {
    if (plot && area.clientWidth) plot.setSize({ width: area.clientWidth, height });
    else draw();
  }).observe(area);
  charts.add(draw);

  const update = (now: Line[]): void => {
    lines = now.filter(({ points }) => points.length);
    element.hidden = !lines.length;
    if (!lines.length) return;
    const shape = JSON.stringify(lines.map(({ points, ...look }) => [look, points.length < 3]));
    if (plot && shape === drawn) plot.setData(align(lines.map(({ points }) => points)));
    else draw();
    drawn = shape;
    read();
    const words = told().map((line) => describe(line.name || title, line.points, show));
    area.setAttribute('aria-label', `${title}. ${words.join('. ')}. Arrow keys read the values.`);
  };
  return { element, update };
}

/** Move the cursor by keys; false for any other key. */
function move(plot: uPlot, key: string): boolean {
  const last = plot.data[0].length - 1;
  const now = plot.cursor.idx ?? last;
  const page = Math.max(1, Math.round(last / 10));
  const next = {
    ArrowLeft: now - 1,
    ArrowRight: now + 1,
    PageUp: now - page,
    PageDown: now + page,
    Home: 0,
    End: last,
  };
  const to = next[key as keyof typeof next];
  if (to === undefined) return false;
  const step = plot.data[0][Math.min(last, Math.max(0, to))]!;
  plot.setCursor({ left: plot.valToPos(step, 'x'), top: plot.over.clientHeight / 2 });
  return true;
}

function options(
  area: HTMLElement,
  lines: Line[],
  show: (value: number) => string,
  height: number,
  read: (step?: number) => void,
): uPlot.Options {
  const style = getComputedStyle(area);
  const ink = style.color;
  const grid = { stroke: style.getPropertyValue('--grid'), width: 1 };
  const axis = { stroke: ink, font: `11px ${style.fontFamily}`, ticks: { show: false }, grid };
  return {
    width: area.clientWidth,
    height,
    padding: [10, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 }, sync: { key: 'steps' } },
    scales: { x: { time: false }, y: { range: { min: { pad: 0.08 }, max: { pad: 0.08 } } } },
    axes: [
      {
        ...axis,
        size: 24,
        gap: 4,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000],
        grid: { show: false },
      },
      {
        ...axis,
        size: (plot, values) => width(plot, values),
        gap: 6,
        space: 34,
        values: (_, ticks) => ticks.map(show),
      },
    ],
    series: [{}, ...lines.map((line) => series(area, line))],
    hooks: { setCursor: [(plot) => read(plot.cursor.idx == null ? undefined : plot.data[0][plot.cursor.idx])] },
  };
}

function series(area: HTMLElement, line: Line): uPlot.Series {
  const colour = colourOf(area, line.colour);
  return {
    label: line.name,
    stroke: colour,
    width: line.faint ? 1 : 2,
    alpha: line.faint ? 0.35 : 1,
    spanGaps: true,
    ...(line.dashed ? { dash: [6, 4] } : {}),
    points: { show: line.dots || line.points.length < 3, size: 7, fill: colour },
  };
}

/** As much room for the axis as its longest label needs. */
function width(plot: uPlot, values: string[] | null): number {
  if (!values) return 30;
  plot.ctx.font = '11px sans-serif';
  return Math.ceil(Math.max(...values.map((value) => plot.ctx.measureText(value).width / devicePixelRatio))) + 16;
}
