import * as vscode from 'vscode';
import { isActive, type RunChange, type RunDeleted, type RunRow } from '../protocol';
import type { Server } from '../server';

/** The runs of the workspace as the server last told of them. */
export class RunList implements vscode.Disposable {
  private rows = new Map<string, RunRow>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly ended = new vscode.EventEmitter<RunRow>();
  readonly onDidChange = this.changed.event;
  /** Fires when a run ends, or is found to have ended, while it is watched. */
  readonly onDidEnd = this.ended.event;

  constructor(private readonly server: Pick<Server, 'ask'>) {}

  /** Newest first. */
  get all(): RunRow[] {
    return [...this.rows.values()].sort((a, b) => b.created - a.created || b.runId.localeCompare(a.runId));
  }

  get active(): RunRow[] {
    return this.all.filter((run) => isActive(run.state));
  }

  find(runId: string): RunRow | undefined {
    return this.rows.get(runId);
  }

  /** Ask for the whole list. */
  async refresh(): Promise<void> {
    const rows = await this.server.ask<RunRow[]>('olivine.listRuns');
    this.rows = new Map(rows.map((row) => [row.runId, row]));
    this.changed.fire();
  }

  /** Take in what the server tells of a run. The times and the output are in the list only. */
  async take(change: RunChange | RunDeleted): Promise<void> {
    const before = this.rows.get(change.runId);
    if (change.deleted) {
      this.rows.delete(change.runId);
      this.changed.fire();
      return;
    }
    const over = !isActive(change.state);
    const news = before?.state !== change.state || before.attempt !== change.attempt;
    if (before) {
      const { runId, folder, state, config, attempt, percent, message } = change;
      this.rows.set(runId, { ...before, folder, state, config, attempt, percent, message });
      this.changed.fire();
    }
    if (!news) return;
    await this.refresh();
    const now = this.rows.get(change.runId);
    if (over && now) this.ended.fire(now);
  }

  dispose(): void {
    this.changed.dispose();
    this.ended.dispose();
  }
}
