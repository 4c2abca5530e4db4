import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { RunDetails } from '../panel/messages';
import { isActive, type RunRow } from '../protocol';
import { refused } from '../refusal';
import type { Server } from '../server';
import type { RunList } from './list';
import { pickRun } from './pick';
import { nameOf } from './words';

type Filter = (run: RunRow) => boolean;
type Action = (run: RunRow) => unknown;

const ended: Filter = (run) => !isActive(run.state);
const active: Filter = (run) => isActive(run.state);
const resumable: Filter = (run) => ended(run) && run.state !== 'succeeded';
const isJob: Filter = (run) => !!run.url;
const succeeded: Filter = (run) => run.state === 'succeeded';

/** The commands about one run. Each takes a run, an object with its `runId`, or nothing: then it asks which. */
export function runCommands(server: Server, list: RunList): vscode.Disposable[] {
  const command = (name: string, fits: Filter, action: Action): vscode.Disposable =>
    vscode.commands.registerCommand(`olivine.${name}`, async (given?: { runId: string }) => {
      try {
        const run = await which(list, given, fits);
        if (run) await action(run);
      } catch (error) {
        await refused(error);
      }
    });
  const details = (run: RunRow): Promise<RunDetails> => server.ask('olivine.runDetails', { runId: run.runId });
  const log: Action = async (run) => show(vscode.Uri.file((await details(run)).logFile));
  return [
    command('cancel', active, (run) => server.ask('olivine.cancel', { runId: run.runId })),
    command('resume', resumable, (run) => server.ask('olivine.resume', { runId: run.runId })),
    command('rerun', ended, (run) => vscode.commands.executeCommand('olivine.run', vscode.Uri.file(run.config))),
    command('deleteRun', ended, (run) => remove(server, run)),
    command('openReport', succeeded, openReport),
    command('openResult', succeeded, (run) => reveal(run.output ?? run.folder)),
    command(
      'openRunFolder',
      () => true,
      (run) => reveal(run.folder),
    ),
    command('openRunLog', () => true, log),
    command('openStudio', isJob, (run) => vscode.env.openExternal(vscode.Uri.parse(run.url!, true))),
    command('openRunConfig', () => true, openConfig),
  ];
}

async function which(list: RunList, given: { runId: string } | undefined, fits: Filter): Promise<RunRow | undefined> {
  if (given?.runId !== undefined) {
    if (!list.find(given.runId)) await list.refresh();
    return list.find(given.runId);
  }
  return pickRun(list, 'Which run?', fits);
}

async function remove(server: Server, run: RunRow): Promise<void> {
  const question = `Delete the run ${nameOf(run.runId)} with its log? Its results and what is cached stay.`;
  const choice = await vscode.window.showWarningMessage(question, { modal: true }, 'Delete');
  if (choice) await server.ask('olivine.deleteRun', { runId: run.runId });
}

const report = (run: RunRow): string => join(run.output ?? run.folder, 'report.html');

/** The page that the pipeline wrote: one file that needs no other, shown without access to anything. */
async function openReport(run: RunRow): Promise<void> {
  const html = await readFile(report(run), 'utf8').catch(() => undefined);
  if (html === undefined) return void vscode.window.showWarningMessage(`${nameOf(run.runId)} has left no report.`);
  const options = { enableScripts: true, localResourceRoots: [], enableFindWidget: true };
  const panel = vscode.window.createWebviewPanel(
    'olivine.report',
    `Report: ${nameOf(run.runId)}`,
    vscode.ViewColumn.Active,
    options,
  );
  panel.webview.html = html;
}

/** The config beside the record of a run. What it names is relative to where it was, so it is shown as plain text. */
async function openConfig(run: RunRow): Promise<void> {
  const folder = vscode.Uri.file(run.folder);
  const files = await vscode.workspace.fs.readDirectory(folder);
  const name = files.map(([name]) => name).find((name) => /^config\.(json|yaml)$/.test(name));
  if (!name) return void vscode.window.showWarningMessage(`${basename(run.folder)} has no config.`);
  await show(vscode.Uri.joinPath(folder, name));
}

async function show(file: vscode.Uri): Promise<void> {
  await vscode.window.showTextDocument(file, { preview: true });
  await vscode.commands.executeCommand('workbench.action.files.setActiveEditorReadonlyInSession');
}

/** Show a folder where the person can see it: in the explorer where it is in the workspace, else in the system's. */
export async function reveal(path: string): Promise<void> {
  const uri = vscode.Uri.file(path);
  const inside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(inside ? 'revealInExplorer' : 'revealFileInOS', uri);
}
