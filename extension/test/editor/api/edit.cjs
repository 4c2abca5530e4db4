// Through the editor's own interface, in its extension host: a config is checked, mended and run.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');
const { folder, runner, until } = require('./host.cjs');

let document;
const config = () => vscode.Uri.file(join(folder(), 'olive-config.json'));
const codes = () => vscode.languages.getDiagnostics(config()).map(({ code }) => code?.value ?? code);
const ask = (what, ...more) => asked(`vscode.execute${what}`, config(), ...more);
const servers = async () => {
  const { processes } = await import('../processes.mjs');
  return processes('olivine_server', join(folder(), '..'));
};

/** The answer to a question of the editor's, which drops one whose document it touches meanwhile: then again. */
async function asked(command, ...about) {
  for (let tries = 1; ; tries++) {
    try {
      return await vscode.commands.executeCommand(command, ...about);
    } catch (error) {
      if (error.name !== 'Canceled' || tries === 5) throw error;
    }
  }
}

/** The place `after` characters behind the first `text`. */
function place(text, after = 0) {
  const offset = document.getText().indexOf(text);
  assert.notEqual(offset, -1, `the config has no ${text}`);
  return document.positionAt(offset + after);
}

async function replace(text, by) {
  const edit = new vscode.WorkspaceEdit();
  edit.replace(config(), new vscode.Range(place(text), place(text, text.length)), by);
  assert.ok(await vscode.workspace.applyEdit(edit));
}

/** Make a mistake and mend it again, to see whether the server listens. */
async function isChecked() {
  await replace('"LoRA"', '"LoRAx"');
  await until(() => codes().length === 1, 'diagnostic');
  await replace('"LoRAx"', '"LoRA"');
  await until(() => codes().length === 0, 'end of the diagnostic');
}

exports.run = runner({
  async 'a config has diagnostics where the mistake is'() {
    document = await vscode.workspace.openTextDocument(config());
    await vscode.window.showTextDocument(document);
    assert.equal(document.languageId, 'olive-config');
    const [found] = await until(() => codes().length && vscode.languages.getDiagnostics(config()), 'diagnostic');
    assert.equal(document.getText(found.range), '"LoRAx"');
    assert.equal(found.source, 'olivine');
    assert.equal(found.severity, vscode.DiagnosticSeverity.Error);
    assert.equal(codes().length, 1);
  },
  async 'every command of the manifest is there'() {
    const { packageJSON } = vscode.extensions.getExtension('olivine.olivine');
    const there = await vscode.commands.getCommands(true);
    const missing = packageJSON.contributes.commands.filter(({ command }) => !there.includes(command));
    assert.deepEqual(missing, []);
  },
  async 'a quick fix mends it'() {
    const at = place('LoRAx');
    const [fix] = await ask('CodeActionProvider', new vscode.Range(at, at), vscode.CodeActionKind.QuickFix.value);
    assert.match(fix.title, /LoRA/);
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    await until(() => codes().length === 0, 'end of the diagnostic');
    assert.match(document.getText(), /"type": "LoRA",/);
  },
  async 'values are completed'() {
    const { items } = await ask('CompletionItemProvider', place('"LoRA"', 1));
    const labels = items.map(({ label }) => label.label ?? label);
    for (const pass of ['LoRA', 'QLoRA']) assert.ok(labels.includes(pass), pass);
  },
  async 'names lead to what they name, and are changed wherever they are'() {
    const used = place('"train_data_config": "phrases"', 25);
    const [definition] = await ask('DefinitionProvider', used);
    const { line } = (definition.targetRange ?? definition.range).start;
    assert.match(document.lineAt(line).text, /"name": "phrases"/);
    const edit = await ask('DocumentRenameProvider', used, 'sentences');
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.doesNotMatch(document.getText(), /"phrases"/);
    assert.equal(document.getText().split('"sentences"').length, 4);
    await vscode.commands.executeCommand('undo');
  },
  async 'hover, lenses, symbols and folding are served'() {
    assert.match((await ask('HoverProvider', place('"r":', 1)))[0].contents[0].value, /rank/i);
    assert.deepEqual((await ask('CodeLensProvider', 10))[0].command.title, 'Run');
    const passes = (await ask('DocumentSymbolProvider')).find(({ name }) => name === 'passes');
    assert.deepEqual(
      passes.children.map(({ name }) => name),
      ['tune', 'merge', 'build'],
    );
    assert.ok((await ask('FoldingRangeProvider')).length > 5);
  },
  async 'a killed server is started again'() {
    const [before] = await servers();
    process.kill(before, 'SIGKILL');
    await until(async () => (await servers()).some((pid) => pid !== before), 'new server');
    await isChecked();
  },
  async 'a command restarts the server'() {
    const before = await servers();
    await vscode.commands.executeCommand('olivine.restart');
    const after = await servers();
    assert.equal(after.length, 1);
    assert.notDeepEqual(after, before);
    await isChecked();
  },
  async 'a severity that is set is heeded at once'() {
    await replace('"r": 16', '"lora_r": 16');
    await until(() => codes().length === 1, 'hint about the old name');
    const settings = vscode.workspace.getConfiguration('olivine');
    await settings.update('severities', { 'old-name': 'off' }, vscode.ConfigurationTarget.Workspace);
    await until(() => codes().length === 0, 'silence');
    await settings.update('severities', undefined, vscode.ConfigurationTarget.Workspace);
    await until(() => codes().length === 1, 'hint');
  },
  async 'a config is run'() {
    await replace('"max_steps": 300', '"max_steps": 100000');
    const started = await vscode.commands.executeCommand('olivine.run', config());
    const record = () => JSON.parse(readFileSync(join(started.folder, 'run.json'), 'utf8'));
    await until(() => record().state === 'running', 'run that goes on');
  },
});
