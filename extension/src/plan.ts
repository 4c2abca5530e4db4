import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Server } from './server';

const SCHEME = 'olivine-plan';
/** The text of each plan that was shown, by its address. */
const plans = new Map<string, string>();
const changed = new vscode.EventEmitter<vscode.Uri>();

/** Shows plans as documents that cannot be written. */
export const planDocuments = (): vscode.Disposable =>
  vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => plans.get(uri.toString()) ?? 'This plan is gone; make it again.',
    }),
    vscode.workspace.onDidCloseTextDocument(({ uri }) => plans.delete(uri.toString())),
  );

/** Show what a run of a config would do, beside it; a plan that is shown already is made anew. */
export async function showPlan(server: Server, config: vscode.Uri): Promise<void> {
  const { text } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'Olivine: planning' },
    () => server.ask<{ ok: boolean; text: string }>('olivine.plan', { uri: config.toString() }),
  );
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/Plan of ${basename(config.path)}`, query: config.toString() });
  plans.set(uri.toString(), `${text}\n`);
  changed.fire(uri);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
}
