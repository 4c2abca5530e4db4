// The next window on the same workspace: the run that the window before has started goes on, and can be cancelled.
const assert = require('node:assert/strict');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');
const { folder, runner, until } = require('./host.cjs');

const folderOfRuns = () => join(folder(), '.olivine/runs');
const runs = () => readdirSync(folderOfRuns());

/** The record of the only run. */
function record() {
  const [name, ...others] = runs();
  assert.deepEqual(others, []);
  return JSON.parse(readFileSync(join(folderOfRuns(), name, 'run.json'), 'utf8'));
}

exports.run = runner({
  async 'a run survives the window'() {
    assert.equal(record().state, 'running');
  },
  async 'the next window finds and cancels it'() {
    await vscode.commands.executeCommand('olivine.cancel');
    await until(() => record().state === 'cancelled', 'end of the run');
  },
  async 'a run that was cancelled is resumed, and cancelled again'() {
    const { processes } = await import('../processes.mjs');
    await until(() => processes('', `OLIVINE_RUN=${folder()}`).length === 0, 'end of its processes');
    await vscode.commands.executeCommand('olivine.resume', { runId: runs()[0] });
    await until(() => record().state === 'running' && record().attempt === 2, 'second attempt');
    await vscode.commands.executeCommand('olivine.cancel');
    await until(() => record().state === 'cancelled', 'end of the run');
  },
});
