import { beforeEach, expect, it, vi } from 'vitest';
import * as vscode from 'vscode';
import { Notifications } from '../src/progress';

interface Shown {
  title: string;
  reports: { message?: string; increment?: number }[];
  over: boolean;
  press: () => void;
}
let shown: Shown[];

beforeEach(() => {
  shown = [];
  vi.spyOn(vscode.window, 'withProgress').mockImplementation((async (options: { title: string }, task: Function) => {
    const one: Shown = { title: options.title, reports: [], over: false, press: () => undefined };
    shown.push(one);
    const button = { onCancellationRequested: (listener: () => void) => (one.press = listener) };
    await task({ report: (value: object) => one.reports.push(value) }, button);
    one.over = true;
  }) as never);
});

const begin = {
  kind: 'begin',
  title: 'Olivine: tune',
  cancellable: true,
  message: 'starting',
  percentage: 10,
} as const;

it('shows how much more is done, and never less', () => {
  const notifications = new Notifications(() => undefined);
  const next = vi.fn();
  notifications.handle('a', begin, next);
  notifications.handle('a', { kind: 'report', percentage: 30, message: 'step 3' }, next);
  notifications.handle('a', { kind: 'report', percentage: 20, message: 'step 2' }, next);
  expect(shown[0]!.reports).toEqual([
    { message: 'starting', increment: 10 },
    { message: 'step 3', increment: 20 },
    { message: 'step 2' },
  ]);
});

it('tells which work is cancelled', () => {
  const cancelled: unknown[] = [];
  const notifications = new Notifications((token) => cancelled.push(token));
  notifications.handle('a', begin, vi.fn());
  notifications.handle('b', begin, vi.fn());
  shown[1]!.press();
  expect(cancelled).toEqual(['b']);
});

it('goes away at the end, or with the server', async () => {
  const notifications = new Notifications(() => undefined);
  notifications.handle('a', begin, vi.fn());
  notifications.handle('b', begin, vi.fn());
  notifications.handle('a', { kind: 'end' }, vi.fn());
  await vi.waitFor(() => expect(shown.map(({ over }) => over)).toEqual([true, false]));
  notifications.dispose();
  await vi.waitFor(() => expect(shown.map(({ over }) => over)).toEqual([true, true]));
});

it('leaves work that cannot be cancelled to the language client', () => {
  const next = vi.fn();
  const value = { kind: 'begin', title: 'Looking' } as const;
  new Notifications(() => undefined).handle('a', value, next);
  expect(next).toHaveBeenCalledWith('a', value);
  expect(shown).toEqual([]);
});
