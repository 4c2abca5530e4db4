// What a run panel shows beside the charts, made of what is known of the runs.
import type { FromPanel, Location, Notice, RunCommand, RunDetails } from '../../src/panel/messages';
import { isActive } from '../../src/protocol';
import { duration, nameOf } from '../../src/runs/words';
import { button, h } from '../shared/dom';
import { size, timeOf } from '../shared/words';
import { cells, MEASURES, stageTitle } from './measures';

export type Send = (message: FromPanel) => void;
/** The colours of the first and the second run. */
export const COLOURS = ['blue', 'orange'] as const;

const STATES: Record<string, string> = {
  queued: 'Waiting', starting: 'Starting', running: 'Running', cancelling: 'Cancelling',
  cancelled: 'Cancelled', failed: 'Failed', succeeded: 'Finished', lost: 'Lost',
}; // prettier-ignore

export function header(run: RunDetails, index: number, many: boolean, now: number, send: Send): HTMLElement {
  const took = run.started === null ? null : (run.ended ?? (isActive(run.state) ? now : run.started)) - run.started;
  const facts = [
    run.device,
    took === null ? '' : duration(took),
    run.started === null ? '' : `started ${new Date(run.started * 1000).toLocaleString()}`,
    run.attempt > 1 ? `attempt ${run.attempt}` : '',
    run.host,
  ];
  const title = h('h1', {}, many && swatch(index), nameOf(run.runId), h('small', {}, timeOf(run.runId)));
  const state = h('span', { class: `state ${run.state}` }, STATES[run.state] ?? run.state);
  return h(
    'header',
    { class: 'run' },
    h('div', { class: 'title' }, title, state, actions(run, many, send)),
    h('p', { class: 'facts' }, facts.filter(Boolean).join(' · ')),
    isActive(run.state) && going(run),
  );
}

const swatch = (index: number): HTMLElement => h('span', { class: `swatch run${index}`, 'aria-hidden': 'true' });

function going(run: RunDetails): HTMLElement {
  const { progress } = run;
  const left = progress?.eta == null ? '' : `${duration(progress.eta)} left`;
  const bar = h('progress', {
    max: 100,
    value: run.percent ?? undefined,
    'aria-label': `Progress of ${nameOf(run.runId)}`,
  });
  const share = h('span', { class: 'share' }, run.percent === null ? '' : `${run.percent} %`);
  return h('div', { class: 'going' }, bar, share, h('p', {}, [doing(run), left].filter(Boolean).join(' · ')));
}

function doing(run: RunDetails): string {
  const { progress } = run;
  if (!progress?.pass) return run.message || run.state;
  const work = [
    progress.doing,
    progress.total && progress.total > 1 ? `${progress.step ?? 0} of ${progress.total}` : '',
    progress.unit && progress.total && progress.total > 1 ? `${progress.unit}s` : '',
  ];
  return `Pass ${progress.pass} of ${progress.of ?? '?'}, ${progress.passName ?? ''}: ${work.filter(Boolean).join(' ') || run.state}`;
}

function actions(run: RunDetails, many: boolean, send: Send): HTMLElement {
  const name = many ? ` ${nameOf(run.runId)} ${timeOf(run.runId)}` : '';
  const command = (label: string, command: RunCommand, kind = 'secondary'): HTMLElement =>
    button(label, () => send({ type: 'command', name: command, runId: run.runId }), {
      class: kind,
      'aria-label': label + name,
      'data-focus': command + run.runId,
    });
  const active = isActive(run.state);
  const done = run.state === 'succeeded';
  return h(
    'div',
    { class: 'actions' },
    done && command('Try it', 'tryIt', 'primary'),
    active && run.state !== 'cancelling' && command('Cancel', 'cancel'),
    !active && !done && command('Resume', 'resume', 'primary'),
    done && command('Report', 'openReport'),
    command('Config', 'openRunConfig'),
    run.url && command('Azure ML Studio', 'openStudio'),
    many &&
      button('Show alone', () => send({ type: 'alone', runId: run.runId }), {
        class: 'secondary',
        'aria-label': `Show alone${name}`,
      }),
    !many && button('Compare with…', () => send({ type: 'compare' }), { class: 'secondary' }),
  );
}

export function notices(run: RunDetails, index: number, many: boolean, send: Send): HTMLElement | null {
  const all = [...(run.failure ? [run.failure] : []), ...run.warnings];
  if (!all.length) return null;
  const label = many ? `Notices of ${nameOf(run.runId)}` : 'Notices';
  return h(
    'ul',
    { class: 'notices', 'aria-label': label },
    ...all.map((one) => notice(one, one === run.failure, run, many && swatch(index), send)),
  );
}

function notice(notice: Notice, failed: boolean, run: RunDetails, whose: HTMLElement | false, send: Send): HTMLElement {
  const { location } = notice;
  return h(
    'li',
    { class: failed ? 'error' : 'warning' },
    whose,
    h('b', {}, failed ? 'Failed: ' : 'Warning: '),
    `${notice.message} ${notice.hint ?? ''} `,
    location && button(place(location), () => send({ type: 'goTo', runId: run.runId, location }), { class: 'link' }),
    h('code', {}, notice.code),
  );
}

const place = ({ file, line, column }: Location): string => `${file.split(/[\\/]/).pop()}:${line}:${column}`;

/** The passes as bars as long as they took. */
export function timeline(run: RunDetails, index: number, many: boolean, now: number): HTMLElement | null {
  if (!run.passes.length) return null;
  const begun = run.timeline;
  const items = run.passes.map((pass, number) => {
    const ran = begun[number];
    const seconds = ran ? (ran.seconds ?? (isActive(run.state) ? now - ran.started : 0)) : 0;
    const [state, words] = !ran
      ? ['pending', 'to come']
      : ran.cached
        ? ['cached', 'from the cache']
        : ran.seconds !== null
          ? ['done', duration(seconds)]
          : isActive(run.state)
            ? ['running', `${duration(seconds)} so far`]
            : ['stopped', 'not finished'];
    const item = h(
      'li',
      { class: `${state} run${index}` },
      h('span', { class: 'bar', 'aria-hidden': 'true' }),
      h('b', {}, pass.name),
      h('span', { class: 'took' }, words),
      h('span', { class: 'type' }, pass.type),
    );
    item.style.flexGrow = String(Math.max(1, Math.sqrt(seconds)));
    return item;
  });
  return h(
    'ol',
    { class: 'timeline', 'aria-label': many ? `Passes of ${nameOf(run.runId)}, ${timeOf(run.runId)}` : 'Passes' },
    ...items,
  );
}

/** Stages before and after, with what is best and how much it differs from the model the run began with. */
export function measures(runs: RunDetails[]): HTMLElement | null {
  const rows = runs.flatMap((run, index) =>
    Object.entries(run.stages).map(([name, stage]) => ({ run, index, name, stage })),
  );
  const shown = MEASURES.filter(({ name }) =>
    rows.some(({ stage }) => stage[name] !== null && stage[name] !== undefined),
  );
  if (!shown.length) return null;
  const all = rows.map(({ stage }) => stage);
  const many = runs.length > 1;
  const head = ['Stage', ...shown.map(({ title }) => title)].map((title) => h('th', { scope: 'col' }, title));
  const body = rows.map(({ run, index, name, stage }) => {
    const base = run.stages['base'] === stage ? undefined : run.stages['base'];
    const made = cells(stage, base, all).filter((_, at) => shown.includes(MEASURES[at]!));
    const title = h(
      'th',
      { scope: 'row' },
      many && swatch(index),
      stageTitle(name),
      many && h('small', {}, timeOf(run.runId)),
    );
    return h(
      'tr',
      {},
      title,
      ...made.map((cell) =>
        h(
          'td',
          { class: cell.best ? 'best' : null },
          h('span', {}, cell.text, cell.best && h('span', { class: 'unseen' }, ' (best)')),
          cell.change && h('small', { class: cell.verdict }, cell.change),
        ),
      ),
    );
  });
  return h(
    'table',
    {},
    h('caption', { class: 'unseen' }, 'Measurements of each stage'),
    h('thead', {}, h('tr', {}, ...head)),
    h('tbody', {}, ...body),
  );
}

export function artifacts(runs: RunDetails[], send: Send): HTMLElement | null {
  const many = runs.length > 1;
  const items = runs.flatMap((run, index) =>
    run.artifacts.map((artifact) => {
      const act = (type: 'open' | 'reveal') => (): void => send({ type, runId: run.runId, path: artifact.path });
      const label = `${artifact.name}${many ? ` of ${timeOf(run.runId)}` : ''}`;
      return h(
        'li',
        {},
        many && swatch(index),
        h('b', {}, artifact.name),
        h('span', { class: 'type' }, artifact.kind),
        h('span', {}, size(artifact.size_bytes)),
        h('code', { title: artifact.path }, ending(artifact.path)),
        button('Open', act('open'), { class: 'link', 'aria-label': `Open ${label}` }),
        button('Reveal', act('reveal'), { class: 'link', 'aria-label': `Reveal ${label}` }),
      );
    }),
  );
  return items.length ? h('ul', { class: 'artifacts' }, ...items) : null;
}

/** The last parts of a path, by which one knows it. */
const ending = (path: string): string => {
  const parts = path.split(/[\\/]/);
  return parts.length > 4 ? `…/${parts.slice(-3).join('/')}` : path;
};
