import * as vscode from 'vscode';

/** How much of a file is looked at, in characters. */
const HEAD = 65_536;
const OFFERED = 'olivine.offered';
const EVERYWHERE = '*';

/** Whether a JSON text looks like an Olive config. */
export function looksLikeConfig(text: string): boolean {
  const head = text.slice(0, HEAD);
  const has = (key: string): boolean => new RegExp(`"${key}"\\s*:\\s*[{[]`).test(head);
  // A schema of configs has the same keys, but as properties.
  return (
    has('input_model') && !has('properties') && ['passes', 'engine', 'systems', 'data_configs', 'evaluators'].some(has)
  );
}

/**
 * Offer, once a file, to treat JSON that looks like an Olive config as one.
 *
 * JSON alone does not activate the extension: editors open JSON of their own in every workspace.
 */
export function offerLanguage(context: vscode.ExtensionContext): void {
  const look = (document: vscode.TextDocument): void => void offer(context, document);
  vscode.workspace.textDocuments.forEach(look);
  const treat = vscode.commands.registerCommand('olivine.treatAsConfig', async () => {
    const document = vscode.window.activeTextEditor?.document;
    if (document) await associate(document);
  });
  context.subscriptions.push(treat, vscode.workspace.onDidOpenTextDocument(look));
}

async function offer(context: vscode.ExtensionContext, document: vscode.TextDocument): Promise<void> {
  const { uri, languageId } = document;
  if (!['json', 'jsonc'].includes(languageId) || uri.scheme !== 'file' || uri.path.includes('/.olivine/')) return;
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  const offered = context.workspaceState.get<string[]>(OFFERED, []);
  if (!folder || offered.includes(uri.path) || offered.includes(EVERYWHERE)) return;
  if (!looksLikeConfig(document.getText())) return;
  const remember = (what: string): Thenable<void> => context.workspaceState.update(OFFERED, [...offered, what]);
  await remember(uri.path);
  const name = vscode.workspace.asRelativePath(uri, false);
  const question = `${name} looks like an Olive config. Check, complete and run it as one?`;
  const choice = await vscode.window.showInformationMessage(question, 'Yes', 'No', 'Never in This Workspace');
  if (choice === 'Yes') await associate(document);
  else if (choice === 'Never in This Workspace') await remember(EVERYWHERE);
}

async function associate(document: vscode.TextDocument): Promise<void> {
  const files = vscode.workspace.getConfiguration('files', document.uri);
  const known = files.inspect<Record<string, string>>('associations')?.workspaceValue ?? {};
  const pattern = `**/${vscode.workspace.asRelativePath(document.uri, false)}`;
  await files.update('associations', { ...known, [pattern]: 'olive-config' }, vscode.ConfigurationTarget.Workspace);
  await vscode.languages.setTextDocumentLanguage(document, 'olive-config');
}
