import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { RunRow } from '../protocol';
import { refused } from '../refusal';
import { reveal } from '../runs/commands';
import type { RunList } from '../runs/list';
import { pickRun } from '../runs/pick';
import { nameOf } from '../runs/words';
import type { Server } from '../server';
import {
  RUN_COMMANDS,
  type FromPanel,
  type Location,
  type PanelState,
  type RunDetails,
  type ToPanel,
} from './messages';
import { RUN_BODY } from './page';
import { fill } from './webview';

const TYPE = 'olivine.run';
/** Milliseconds between two looks at a run that changes. */
const PERIOD = 1000;

/** Panels that show runs: `showRun` opens one, `compareRuns` one for two runs. They come back after a reload. */
export function runPanels(context: vscode.ExtensionContext, server: Server, list: RunList): vscode.Disposable {
  const panels = new Set<RunPanel>();
  const open = (view: vscode.WebviewPanel, runIds: string[]): void => {
    const panel = new RunPanel(view, context.extensionUri, server, list, runIds);
    panels.add(panel);
    view.onDidDispose(() => panels.delete(panel));
  };
  const show = (runIds: string[]): void => {
    const there = [...panels].find((panel) => panel.runIds.join() === runIds.join());
    if (there) return there.view.reveal();
    const title = titleOf(runIds);
    open(vscode.window.createWebviewPanel(TYPE, title, vscode.ViewColumn.Active), runIds);
  };
  const command = (name: string, action: (run?: { runId: string }, runs?: RunRow[]) => Promise<void>) =>
    vscode.commands.registerCommand(`olivine.${name}`, (run?: { runId: string }, runs?: RunRow[]) =>
      action(run, runs).catch(refused),
    );
  return vscode.Disposable.from(
    command('showRun', async (run) => {
      const { runId } = run ?? (await pickRun(list, 'Open which run?')) ?? {};
      if (runId) show([runId]);
    }),
    command('compareRuns', async (run, runs) => {
      const { runId: first } = run ?? (await pickRun(list, 'Compare which run?')) ?? {};
      const chosen = runs?.find(({ runId }) => runId !== first)?.runId;
      const second = first && (chosen ?? (await pickOther(list, [first])));
      if (first && second) show([first, second]);
    }),
    vscode.window.registerWebviewPanelSerializer(TYPE, {
      deserializeWebviewPanel: async (view, state?: PanelState) => {
        if (state?.runIds?.length) open(view, state.runIds);
        else view.dispose(); // it was closed before it could say what it shows
      },
    }),
    server.onRunChanged((change) => panels.forEach((panel) => panel.changed(change.runId))),
    server.onStarted(() => panels.forEach((panel) => panel.runIds.forEach((runId) => panel.changed(runId)))),
  );
}

/** The name of a run, or those of two; runs of one config bear the same. */
function titleOf(runIds: string[]): string {
  const names = [...new Set(runIds.map(nameOf))];
  return names.length < runIds.length ? `${names[0]}, ${runIds.length} runs` : names.join(' and ');
}

/** Let the person choose a run to lay beside those shown. */
async function pickOther(list: RunList, shown: string[]): Promise<string | undefined> {
  return (await pickRun(list, 'Compare with which run?', ({ runId }) => !shown.includes(runId)))?.runId;
}

/** What was told to the page of a run, and whether more is to be asked for. */
interface Told {
  details?: RunDetails;
  asking?: boolean;
  again?: boolean;
}

class RunPanel {
  private told = new Map<string, Told>();
  private disposed = false;

  constructor(
    readonly view: vscode.WebviewPanel,
    extension: vscode.Uri,
    private readonly server: Server,
    private readonly list: RunList,
    public runIds: string[],
  ) {
    view.iconPath = vscode.Uri.joinPath(extension, 'media', 'file.svg');
    view.webview.onDidReceiveMessage((message: FromPanel) => this.take(message).catch(refused));
    view.onDidDispose(() => (this.disposed = true));
    const title = titleOf(runIds);
    fill(view.webview, extension, 'run', { title, body: RUN_BODY, data: { runs: JSON.stringify(runIds) } });
  }

  /** Look at a run again, soon, and not more often than is good for it. */
  changed(runId: string): void {
    const told = this.told.get(runId);
    if (!told || !this.runIds.includes(runId)) return;
    if (told.asking) told.again = true;
    else void this.ask(runId, told);
  }

  private async ask(runId: string, told: Told): Promise<void> {
    told.asking = true;
    told.again = false;
    const begun = Date.now();
    try {
      const before = told.details;
      const since = before?.metricsEnd ?? 0;
      const details = await this.server.ask<RunDetails>('olivine.runDetails', { runId, since });
      if (this.told.get(runId) !== told) return;
      told.details = details;
      this.tell({ type: 'run', details });
    } catch {
      await this.list.refresh().catch(() => undefined);
      if (!this.list.find(runId)) this.tell({ type: 'gone', runId });
    }
    // A run with very many events takes long to read: it is read less often.
    await new Promise((resolve) => setTimeout(resolve, Math.max(PERIOD, 5 * (Date.now() - begun))));
    told.asking = false;
    if (told.again && !this.disposed) void this.ask(runId, told);
  }

  private tell(message: ToPanel): void {
    if (!this.disposed) void this.view.webview.postMessage(message);
  }

  private async take(message: FromPanel): Promise<void> {
    switch (message.type) {
      case 'ready':
        return this.show(message.runIds.length ? message.runIds : this.runIds);
      case 'compare': {
        const other = await pickOther(this.list, this.runIds);
        return other ? this.show([this.runIds[0]!, other]) : undefined;
      }
      case 'alone':
        return this.show([message.runId]);
      case 'command':
        if (!RUN_COMMANDS.includes(message.name)) return;
        await vscode.commands.executeCommand(`olivine.${message.name}`, { runId: message.runId });
        return this.changed(message.runId);
      case 'goTo':
        return goTo(message.location);
      default:
        return this.open(message);
    }
  }

  private show(runIds: string[]): void {
    this.runIds = runIds;
    this.told = new Map(runIds.map((runId) => [runId, {}]));
    this.view.title = titleOf(runIds);
    this.tell({ type: 'show', runIds });
    runIds.forEach((runId) => this.changed(runId));
  }

  /** Open or reveal a result; only what the run itself has named. */
  private async open({ type, runId, path }: FromPanel & { type: 'open' | 'reveal' }): Promise<void> {
    const { artifacts = [] } = this.told.get(runId)?.details ?? {};
    if (!artifacts.some((artifact) => artifact.path === path)) return;
    const uri = vscode.Uri.file(path);
    const found = await stat(path).catch(() => undefined);
    if (!found) throw new Error(`${path} is no longer there.`);
    if (type === 'reveal') await reveal(path);
    else if (found.isDirectory()) await vscode.env.openExternal(uri);
    else await vscode.commands.executeCommand('vscode.open', uri);
  }
}

async function goTo({ file, line, column }: Location): Promise<void> {
  const place = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(place, place) });
}
