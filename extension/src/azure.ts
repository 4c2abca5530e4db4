import * as vscode from 'vscode';
import type { Server } from './server';

/** What there is at Azure ML, as `olivine.azure` lists it. */
interface Item {
  id: string;
  name: string;
  detail: string;
}

export type Kind = 'workspaces' | 'computes';
const ONE: Record<Kind, string> = { workspaces: 'workspace', computes: 'compute' };

/** Let the person choose a workspace or a compute for a config, and write it there. */
export async function select(server: Server, uri: vscode.Uri, kind: Kind): Promise<void> {
  const config = { uri: uri.toString(), list: kind };
  const document = await vscode.workspace.openTextDocument(uri);
  const asked = server.ask<{ items: Item[] }>('olivine.azure', config).then(({ items }) => {
    if (!items.length) throw new Error(`Your account sees no ${ONE[kind]} there.`);
    return items.map(({ id, name, detail }) => ({ label: name, description: detail, id }));
  });
  const chosen = await vscode.window.showQuickPick(asked, {
    title: `Which ${ONE[kind]} of Azure ML?`,
    placeHolder: `Write the ${ONE[kind]} into the config`,
    matchOnDescription: true,
  });
  if (!chosen) return;
  const { version } = document;
  const { text } = await server.ask<{ text: string }>('olivine.azure', { ...config, choose: chosen.id });
  if (document.version !== version) throw new Error('The config has changed meanwhile; choose again.');
  const edit = new vscode.WorkspaceEdit();
  const { start, end, by } = change(document.getText(), text);
  edit.replace(uri, new vscode.Range(document.positionAt(start), document.positionAt(end)), by);
  await vscode.workspace.applyEdit(edit);
}

/** The part of a text that is another in a second one. */
export function change(before: string, after: string): { start: number; end: number; by: string } {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let same = 0;
  while (same < shorter - start && before.at(-1 - same) === after.at(-1 - same)) same += 1;
  return { start, end: before.length - same, by: after.slice(start, after.length - same) };
}
