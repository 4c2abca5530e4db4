import * as vscode from 'vscode';
import type { RunRow } from '../protocol';
import type { RunList } from './list';
import { nameOf, summary } from './words';

/** Let the person choose among the runs that fit; the only one there is, is taken unasked. */
export async function pickRun(
  list: RunList,
  title: string,
  fits: (run: RunRow) => boolean = () => true,
): Promise<RunRow | undefined> {
  await list.refresh();
  const items = list.all
    .filter(fits)
    .map((run) => ({ label: nameOf(run.runId), description: summary(run, new Date()), detail: run.config, run }));
  if (!items.length) void vscode.window.showInformationMessage('There is no such run in this workspace.');
  return items.length < 2 ? items[0]?.run : (await vscode.window.showQuickPick(items, { title }))?.run;
}
