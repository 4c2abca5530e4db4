import { beforeEach, describe, expect, it } from 'vitest';
import type { RunRow } from '../src/protocol';
import { RunList } from '../src/runs/list';
import { statusText } from '../src/runs/status';
import { contextOf, RunTree } from '../src/runs/tree';
import { duration, nameOf, summary } from '../src/runs/words';

const row = (changes: Partial<RunRow> = {}): RunRow => ({
  runId: '20260101-120000-tone',
  folder: '/w/.olivine/runs/20260101-120000-tone',
  state: 'running',
  config: '/w/tone/olive-config.json',
  created: 1000,
  started: 1000,
  ended: null,
  attempt: 1,
  percent: 40,
  device: 'cpu',
  output: null,
  url: null,
  message: '',
  ...changes,
});

let rows: RunRow[];
let asked: number;
let list: RunList;
let over: RunRow[];

beforeEach(() => {
  rows = [];
  asked = 0;
  over = [];
  list = new RunList({
    ask: async <T>() => {
      asked += 1;
      return rows as T;
    },
  });
  list.onDidEnd((run) => over.push(run));
});

describe('the list of runs', () => {
  it('is newest first', async () => {
    rows = [row({ runId: 'old', created: 1 }), row({ runId: 'new', created: 2 })];
    await list.refresh();
    expect(list.all.map(({ runId }) => runId)).toEqual(['new', 'old']);
  });

  it('follows a run without asking for all of them', async () => {
    rows = [row()];
    await list.refresh();
    await list.take({ ...row(), percent: 50, message: '[1/3] tune' });
    expect(list.all[0]).toMatchObject({ percent: 50, message: '[1/3] tune', created: 1000 });
    expect(asked).toBe(1);
  });

  it('tells once that a run has ended, with its result', async () => {
    rows = [row()];
    await list.refresh();
    rows = [row({ state: 'succeeded', output: '/w/models', ended: 1100 })];
    await list.take(row({ state: 'succeeded' }));
    await list.take(row({ state: 'succeeded' }));
    expect(over).toEqual([expect.objectContaining({ state: 'succeeded', output: '/w/models' })]);
    expect(list.active).toEqual([]);
  });

  it('takes in a run that was started elsewhere', async () => {
    rows = [row()];
    await list.take(row());
    expect(list.find(row().runId)).toBeDefined();
    expect(over).toEqual([]);
  });

  it('tells nothing of runs that ended before', async () => {
    rows = [row({ state: 'failed' })];
    await list.refresh();
    expect(over).toEqual([]);
  });

  it('tells that a resumed run has ended again in the same way', async () => {
    rows = [row({ state: 'cancelled' })];
    await list.refresh();
    rows = [row({ state: 'cancelled', attempt: 2 })];
    await list.take(row({ state: 'cancelled', attempt: 2 }));
    expect(over).toHaveLength(1);
  });

  it('lets go of a run that was deleted', async () => {
    rows = [row()];
    await list.refresh();
    await list.take({ runId: row().runId, deleted: true });
    expect(list.all).toEqual([]);
  });
});

describe('how a run is shown', () => {
  it.each([
    [1.53, '1.5 s'],
    [35.2, '35 s'],
    [113, '1 min 53 s'],
    [7500, '2 h 05 min'],
    [260_000, '3 days'],
    [-3, '0.0 s'],
  ])('%d seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('by name, state, share and duration', () => {
    expect(nameOf(row().runId)).toBe('tone');
    const now = new Date(1_060_000);
    expect(summary(row(), now)).toMatch(/^running 40 % · 1 min 00 s · /);
    expect(summary(row({ state: 'succeeded', ended: 1010, percent: 100 }), now)).toMatch(/^succeeded · 10 s · /);
    expect(summary(row({ state: 'queued', started: null, percent: null }), now)).toMatch(/^queued · \d/);
  });

  it('with what can be done to it', () => {
    expect(contextOf(row())).toBe('active running');
    expect(contextOf(row({ state: 'succeeded' }))).toBe('ended succeeded');
    expect(contextOf(row({ state: 'lost' }))).toBe('ended resumable lost');
    expect(contextOf(row({ url: 'https://ml.azure.com/runs/one' }))).toBe('active running job');
  });

  it('to a screen reader in words', () => {
    const item = new RunTree(list).getTreeItem(row({ state: 'failed' }));
    expect(item.accessibilityInformation?.label).toMatch(/^tone, failed/);
  });

  it('in the status bar while it goes on', () => {
    expect(statusText([row()])).toBe('$(loading~spin) Olivine: 40 %');
    expect(statusText([row({ percent: null, state: 'queued' })])).toBe('$(loading~spin) Olivine: queued');
    expect(statusText([row(), row({ runId: 'b' })])).toBe('$(loading~spin) Olivine: 2 runs');
  });
});
