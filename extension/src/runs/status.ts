import * as vscode from 'vscode';
import type { RunRow } from '../protocol';
import type { RunList } from './list';
import { duration, nameOf } from './words';

/** An item in the status bar while anything runs. */
export function statusBar(list: RunList): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('olivine.runs', vscode.StatusBarAlignment.Left);
  item.name = 'Olivine Runs';
  item.command = 'olivine.showRuns';
  const show = (): void => {
    const active = list.active;
    item.text = statusText(active);
    item.tooltip = active.map((run) => `${nameOf(run.runId)}: ${run.message || run.state}`).join('\n');
    item.accessibilityInformation = { label: item.tooltip };
    if (active.length) item.show();
    else item.hide();
  };
  return vscode.Disposable.from(item, list.onDidChange(show));
}

export function statusText(active: RunRow[]): string {
  const [first] = active;
  if (active.length > 1) return `$(loading~spin) Olivine: ${active.length} runs`;
  const share = first && first.percent !== null ? `${first.percent} %` : (first?.state ?? '');
  return `$(loading~spin) Olivine: ${share}`;
}

const after = ({ started, ended }: RunRow): string =>
  started === null || ended === null ? '' : ` after ${duration(ended - started)}`;

/** Tell of a run that has ended, with what can be done next. The server itself tells of one that is lost. */
export async function tellEnd(run: RunRow): Promise<void> {
  const name = nameOf(run.runId);
  const { showInformationMessage, showErrorMessage } = vscode.window;
  const log = { title: 'Show Log', command: 'olivine.openRunLog' };
  const resume = { title: 'Resume', command: 'olivine.resume' };
  const tryIt = { title: 'Try It', command: 'olivine.tryIt' };
  const report = { title: 'Open Report', command: 'olivine.openReport' };
  const told = {
    succeeded: () => showInformationMessage(`${name}: the run has finished${after(run)}.`, report, tryIt, log),
    cancelled: () => showInformationMessage(`${name}: the run was cancelled.`, resume, log),
    failed: () => showErrorMessage(`${name}: ${run.message || 'the run failed.'}`, log, resume),
  };
  if (!(run.state in told)) return;
  const choice = await told[run.state as keyof typeof told]();
  if (choice) await vscode.commands.executeCommand(choice.command, run);
}
