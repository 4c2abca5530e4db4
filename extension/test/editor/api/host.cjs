// What the tests in the extension host share: a list of tests, run in order, told in a file beside the workspace.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');

/** Milliseconds until something is given up: a machine may do much else. */
const PATIENCE = 120_000;

/** Run tests, an object of functions by what they show, up to the first that fails. */
exports.runner = (tests) => async () => {
  const told = [];
  for (const [name, test] of Object.entries(tests)) {
    const begun = Date.now();
    const failed = await test().then(
      () => undefined,
      (error) => error,
    );
    told.push({ name, ms: Date.now() - begun, error: failed?.stack });
    writeFileSync(join(exports.folder(), '../told.json'), JSON.stringify(told));
    if (failed) throw failed;
  }
};

/** The folder of the workspace. */
exports.folder = () => vscode.workspace.workspaceFolders[0].uri.fsPath;

/** Wait until something is true, and return it. */
exports.until = async (met, what) => {
  for (const end = Date.now() + PATIENCE; ;) {
    const found = await met();
    if (found) return found;
    if (Date.now() > end) throw new Error(`There is no ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
