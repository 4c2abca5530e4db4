import * as vscode from 'vscode';
import { isActive, type RunRow } from '../protocol';
import type { RunList } from './list';
import { ICONS, nameOf, summary } from './words';

/** The view Runs. */
export class RunTree implements vscode.TreeDataProvider<RunRow> {
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(private readonly list: RunList) {
    this.onDidChangeTreeData = list.onDidChange;
  }

  getChildren(run?: RunRow): RunRow[] {
    return run ? [] : this.list.all;
  }

  getTreeItem(run: RunRow): vscode.TreeItem {
    const item = new vscode.TreeItem(nameOf(run.runId));
    const [icon, colour] = ICONS[run.state];
    item.id = run.runId;
    item.description = summary(run, new Date());
    item.iconPath = new vscode.ThemeIcon(icon, colour ? new vscode.ThemeColor(colour) : undefined);
    item.contextValue = contextOf(run);
    item.tooltip = tooltip(run);
    item.accessibilityInformation = { label: `${nameOf(run.runId)}, ${item.description}` };
    item.command = { command: 'olivine.showRun', title: 'Open Run', arguments: [run] };
    return item;
  }
}

/** The words that the menus of the manifest look for. */
export function contextOf(run: RunRow): string {
  const words = isActive(run.state) ? ['active'] : run.state === 'succeeded' ? ['ended'] : ['ended', 'resumable'];
  return [...words, run.state, ...(run.url ? ['job'] : [])].join(' ');
}

function tooltip(run: RunRow): vscode.MarkdownString {
  const lines: [string, string | null][] = [
    ['Config', run.config],
    ['Device', run.device],
    ['Attempt', run.attempt > 1 ? String(run.attempt) : null],
    ['Result', run.output],
    ['Job', run.url],
  ];
  const text = new vscode.MarkdownString(`**${run.runId}** ${run.state}\n\n`);
  for (const [what, value] of lines) {
    if (value) text.appendMarkdown(`${what}: `).appendText(value).appendMarkdown('\n\n');
  }
  return run.message ? text.appendText(run.message) : text;
}
