import * as vscode from 'vscode';
import { chatPanels } from './chat/chat';
import { commands } from './commands';
import { offerLanguage } from './offer';
import { planDocuments } from './plan';
import { runPanels } from './panel/panel';
import { LANGUAGES } from './protocol';
import { runCommands } from './runs/commands';
import { RunList } from './runs/list';
import { statusBar, tellEnd } from './runs/status';
import { RunTree } from './runs/tree';
import { Server } from './server';

let server: Server | undefined;

/** Set all up but the server, which starts when a config is opened, a run is there, or a command needs it. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Olivine', { log: true });
  const made = (server = new Server(context, log));
  const list = new RunList(made);
  const tree = vscode.window.createTreeView('olivine.runs', {
    treeDataProvider: new RunTree(list),
    canSelectMany: true,
  });
  context.subscriptions.push(
    log,
    made,
    list,
    tree,
    statusBar(list),
    list.onDidEnd((run) => void tellEnd(run)),
  );
  context.subscriptions.push(...commands(made, log), ...runCommands(made, list));
  context.subscriptions.push(planDocuments(), runPanels(context, made, list), chatPanels(context, made, list));
  const refresh = (): void => void list.refresh().catch((error: unknown) => log.warn(String(error)));
  context.subscriptions.push(
    vscode.commands.registerCommand('olivine.refreshRuns', refresh),
    tree.onDidChangeVisibility(({ visible }) => visible && refresh()),
    made.onStarted(refresh),
    made.onRunChanged((change) => void list.take(change).catch((error: unknown) => log.warn(String(error)))),
  );
  followWorkspace(context, made, log);
  offerLanguage(context);
}

/** Start the server when there is something for it, and again when another Python is set. */
function followWorkspace(context: vscode.ExtensionContext, server: Server, log: vscode.LogOutputChannel): void {
  const start = (): void => void server.ready().catch((error: unknown) => log.error(String(error)));
  const open = (document: vscode.TextDocument): void => {
    if (LANGUAGES.includes(document.languageId)) start();
  };
  context.subscriptions.push(
    vscode.workspace.onDidOpenTextDocument(open),
    vscode.workspace.onDidGrantWorkspaceTrust(async () => {
      if (server.wanted) await (await server.ready()).sendNotification('olivine/trustChanged', { trusted: true });
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('olivine.server.interpreter')) void server.restart().catch(() => undefined);
    }),
  );
  vscode.workspace.textDocuments.forEach(open);
  void runsThere().then((there) => there && start());
}

/** Whether a folder of the workspace holds runs: one of them may be going on. */
async function runsThere(): Promise<boolean> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const found = folders.map(({ uri }) => vscode.workspace.fs.stat(vscode.Uri.joinPath(uri, '.olivine', 'runs')));
  return (await Promise.allSettled(found)).some(({ status }) => status === 'fulfilled');
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
