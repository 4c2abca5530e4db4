import * as vscode from 'vscode';
import { LANGUAGES, type Environment, type Started } from './protocol';
import { select } from './azure';
import { showPlan } from './plan';
import { refused } from './refusal';
import type { Server } from './server';

/** A config: what a lens gives, what the explorer and the editor's title give, or nothing for the one being edited. */
type Target = { uri: string; upTo?: string } | vscode.Uri | undefined;

/** The commands about a config, the environment and the server. */
export function commands(server: Server, log: vscode.LogOutputChannel): vscode.Disposable[] {
  const command = (name: string, action: (target: Target) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`olivine.${name}`, async (target: Target) => {
      try {
        return await action(target);
      } catch (error) {
        return refused(error);
      }
    });
  return [
    command('run', (target) => run(server, target)),
    command('runUpTo', (target) => runUpTo(server, target)),
    command('submit', (target) => run(server, target, 'olivine.submit')),
    command('plan', (target) => showPlan(server, uriOf(target))),
    command('selectWorkspace', (target) => select(server, uriOf(target), 'workspaces')),
    command('selectCompute', (target) => select(server, uriOf(target), 'computes')),
    command('newConfig', newConfig),
    command('checkEnvironment', () => checkEnvironment(server, log)),
    command('setupEnvironment', () => setUpEnvironment(server, log)),
    command('restart', () => server.restart()),
    command('showLog', () => log.show()),
    command('showRuns', () => vscode.commands.executeCommand('olivine.runs.focus')),
  ];
}

/** Run the text of a config as it is in the editor, saved or not. */
async function run(
  server: Server,
  target: Target,
  how: 'olivine.run' | 'olivine.submit' = 'olivine.run',
  force = false,
): Promise<Started | void> {
  const uri = uriOf(target);
  const upTo = target && 'upTo' in target ? target.upTo : undefined;
  try {
    return await server.ask<Started>(how, { uri: uri.toString(), upTo, force });
  } catch (error) {
    return refused(error, () => run(server, target, how, true));
  }
}

async function runUpTo(server: Server, target: Target): Promise<void> {
  const uri = uriOf(target);
  await vscode.workspace.openTextDocument(uri);
  await server.ready();
  const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
    'vscode.executeDocumentSymbolProvider',
    uri,
  );
  const passes = symbols?.find((symbol) => symbol.name === 'passes')?.children ?? [];
  if (!passes.length) return void vscode.window.showInformationMessage('This config has no passes.');
  const items = passes.map(({ name, detail }) => ({ label: name, description: detail }));
  const chosen = await vscode.window.showQuickPick(items, { title: 'Run up to and with which pass?' });
  if (chosen) await run(server, { uri: uri.toString(), upTo: chosen.label });
}

/** Open olive-config.json of the workspace, made if it is missing, with what can be written there. */
async function newConfig(): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const file = folder && vscode.Uri.joinPath(folder, 'olive-config.json');
  const there =
    file &&
    (await vscode.workspace.fs.stat(file).then(
      () => true,
      () => false,
    ));
  if (file && !there) await vscode.workspace.fs.writeFile(file, Buffer.from(''));
  const document = await (file
    ? vscode.workspace.openTextDocument(file)
    : vscode.workspace.openTextDocument({ language: LANGUAGES[0]!, content: '' }));
  const editor = await vscode.window.showTextDocument(document);
  if (document.getText().trim()) return;
  await editor.insertSnippet(new vscode.SnippetString('{\n    $0\n}\n'));
  await vscode.commands.executeCommand('editor.action.triggerSuggest');
}

async function checkEnvironment(server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const found = await server.ask<Environment>('olivine.checkEnvironment');
  for (const { name, ok, text } of found.packages) log.info(`${ok ? 'ok' : 'missing'}  ${name} ${text}`);
  if (!found.ok) return refused(Object.assign(new Error(found.message), { data: { environment: found } }));
  const what = `Python ${found.python} at ${found.interpreter} has what runs need.`;
  if (await vscode.window.showInformationMessage(what, 'Show Log')) log.show();
}

async function setUpEnvironment(server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const made = await server.ask<Environment & { log: string }>('olivine.setupEnvironment');
  log.info(`Set up ${made.interpreter}; the story is in ${made.log}.`);
  if (!made.ok) throw new Error(`${made.message} The story is in ${made.log}.`);
  void vscode.window.showInformationMessage('The training environment is ready: runs in this workspace use it.');
}

function uriOf(target: Target): vscode.Uri {
  if (target instanceof vscode.Uri) return target;
  if (target?.uri) return vscode.Uri.parse(target.uri, true);
  const document = vscode.window.activeTextEditor?.document;
  if (!document || !LANGUAGES.includes(document.languageId)) throw new Error('Open an Olive config first.');
  return document.uri;
}
