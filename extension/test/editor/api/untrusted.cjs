// A workspace that is not trusted: checked, and nothing of it is run.
const assert = require('node:assert/strict');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');
const { folder, runner, until } = require('./host.cjs');

exports.run = runner({
  async 'a config is checked'() {
    assert.equal(vscode.workspace.isTrusted, false);
    const config = vscode.Uri.file(join(folder(), 'olive-config.json'));
    await vscode.window.showTextDocument(config);
    await until(() => vscode.languages.getDiagnostics(config).length === 1, 'diagnostic');
  },
  async 'nothing is run'() {
    const config = vscode.Uri.file(join(folder(), 'olive-config.json'));
    void vscode.commands.executeCommand('olivine.run', config); // it waits until its message is closed
    await vscode.commands.executeCommand('olivine.refreshRuns');
    assert.equal(existsSync(join(folder(), '.olivine')), false);
  },
});
