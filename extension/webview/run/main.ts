// The page of a run panel: takes in what the extension tells of one run or two, and shows it.
import 'uplot/dist/uPlot.min.css';
import './style.css';
import type { FromPanel, PanelState, RunDetails, ToPanel } from '../../src/panel/messages';
import { isActive } from '../../src/protocol';
import { nameOf } from '../../src/runs/words';
import { byId, h, keep } from '../shared/dom';
import { connect } from '../shared/host';
import { number, size, timeOf } from '../shared/words';
import { chart, redraw, type Line } from './charts';
import { extend, smooth, type Courses } from './series';
import { artifacts, COLOURS, header, measures, notices, timeline } from './view';

const host = connect<FromPanel, ToPanel, PanelState>();
let state: PanelState = host.state() ?? { runIds: JSON.parse(document.body.dataset['runs'] ?? '[]') as string[] };
const known = new Map<string, { details: RunDetails; courses: Courses }>();

const charts = {
  loss: chart('Loss', number, 260),
  learning_rate: chart('Learning rate', number, 150),
  tokens_per_second: chart('Training speed, tokens/s', number, 150),
  memory_bytes: chart('Memory', size, 150),
};
byId('loss').append(charts.loss.element);
byId('others').append(charts.learning_rate.element, charts.tokens_per_second.element, charts.memory_bytes.element);

const smoothing = byId<HTMLInputElement>('smooth');
smoothing.checked = state.smooth ?? true;
smoothing.addEventListener('change', () => {
  remember({ smooth: smoothing.checked });
  showCharts();
});
const log = byId<HTMLDetailsElement>('log');
log.open = state.log ?? false;
log.addEventListener('toggle', () => {
  remember({ log: log.open });
  toEnd();
});

function remember(changes: Partial<PanelState>): void {
  state = { ...state, ...changes };
  host.remember(state);
}

const shown = (): { details: RunDetails; courses: Courses }[] =>
  state.runIds.map((runId) => known.get(runId)).filter((run) => run !== undefined);

/** What tells the runs that are shown from each other: their names, or else when they began. */
function labels(): string[] {
  const names = state.runIds.map(nameOf);
  if (names.length < 2) return names.map(() => '');
  return new Set(names).size === names.length ? names : state.runIds.map(timeOf);
}

/** The lines of a metric: a colour a run where there are two, else a colour a metric. */
function lines(metric: string, name: string, colour: string): Line[] {
  const runs = shown();
  const dashed = metric === 'eval_loss';
  return runs.flatMap(({ courses }, index) => {
    const points = courses[metric] ?? [];
    const own = runs.length > 1 ? COLOURS[index]! : colour;
    const line = { name: `${labels()[index]} ${name}`.trim(), points, colour: own, dashed, dots: dashed };
    const noisy = smoothing.checked && (metric === 'loss' || metric === 'tokens_per_second') && points.length > 20;
    return noisy
      ? [
          { ...line, faint: true },
          { ...line, points: smooth(points), silent: true },
        ]
      : [line];
  });
}

function showCharts(): void {
  charts.loss.update([...lines('loss', 'training', 'blue'), ...lines('eval_loss', 'held-out', 'orange')]);
  charts.learning_rate.update(lines('learning_rate', '', 'purple'));
  charts.tokens_per_second.update(lines('tokens_per_second', '', 'green'));
  charts.memory_bytes.update(lines('memory_bytes', '', 'yellow'));
  const empty = shown().every(({ courses }) => !Object.keys(courses).length);
  byId('curves').hidden = empty;
}

const parts = {
  heads: keep(byId('heads')),
  notices: keep(byId('notices')),
  passes: keep(byId('passes')),
  measures: keep(byId('measures')),
  artifacts: keep(byId('artifacts')),
};

function show(): void {
  const runs = shown().map(({ details }) => details);
  if (!runs.length) return;
  byId('waiting').hidden = true;
  const now = Date.now() / 1000;
  const many = state.runIds.length > 1;
  const second = runs.some(({ state }) => isActive(state)) ? Math.round(now) : 0;
  const core = runs.map(({ metrics: _, metricsEnd: _end, metricsStart: _start, log: _log, ...rest }) => rest);
  parts.heads([core, second, many], () => runs.map((run, index) => header(run, index, many, now, host.send)));
  parts.notices(core, () => runs.map((run, index) => notices(run, index, many, host.send)));
  section('passes', [core, second], () => runs.map((run, index) => timeline(run, index, many, now)));
  section('measures', core, () => [measures(runs)]);
  section('artifacts', core, () => [artifacts(runs, host.send)]);
  showCharts();
  showLog(runs);
}

function section(id: 'passes' | 'measures' | 'artifacts', made: unknown, make: () => (HTMLElement | null)[]): void {
  parts[id](made, make);
  byId(id).parentElement!.hidden = !byId(id).hasChildNodes();
}

const tails = byId('tails');
function showLog(runs: RunDetails[]): void {
  while (tails.children.length > runs.length) tails.lastChild!.remove();
  runs.forEach((run, index) => {
    const label = runs.length > 1 ? `Log of ${nameOf(run.runId)} ${timeOf(run.runId)}` : 'Log';
    const tail = (tails.children[index] ?? tails.appendChild(h('pre', { tabindex: 0, role: 'region' }))) as HTMLElement;
    tail.setAttribute('aria-label', label);
    if (tail.textContent === run.log) return;
    const atEnd = tail.scrollTop + tail.clientHeight >= tail.scrollHeight - 20;
    tail.textContent = run.log;
    if (atEnd) tail.scrollTop = tail.scrollHeight;
  });
}
function toEnd(): void {
  for (const tail of tails.children) tail.scrollTop = tail.scrollHeight;
}
byId('whole-log').addEventListener('click', () => {
  for (const runId of state.runIds) host.send({ type: 'command', name: 'openRunLog', runId });
});

host.listen((message) => {
  if (message.type === 'run') {
    const { details } = message;
    const courses = extend(known.get(details.runId)?.courses ?? {}, details);
    known.set(details.runId, { details, courses });
  } else if (message.type === 'show') remember({ runIds: message.runIds });
  else {
    byId('gone').hidden = false;
    byId('gone').textContent = `The run ${nameOf(message.runId)} was deleted.`;
  }
  show();
});
setInterval(() => {
  if (shown().some(({ details }) => isActive(details.state))) show();
}, 1000);
new MutationObserver(redraw).observe(document.body, {
  attributes: true,
  attributeFilter: ['class', 'data-vscode-theme-kind'],
});
host.remember(state);
host.send({ type: 'ready', runIds: state.runIds });
