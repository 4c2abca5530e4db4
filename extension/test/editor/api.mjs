// What the extension does as other extensions see it: tests that run in the extension host of a real editor.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browse, keepLogs, PATIENCE, serve } from './editor.mjs';
import { packaged, pipelinePython, repository } from './needs.mjs';
import { processes } from './processes.mjs';

const tests = fileURLToPath(new URL('api', import.meta.url));
const shots = join(repository, 'dist/editor/api');
const home = mkdtempSync(join(tmpdir(), 'olivine-api-'));
const workspace = join(home, 'tone');
const python = pipelinePython();
const settings = { 'olivine.pipeline.interpreter': python };

const FILES = { 'untrusted.cjs': { trust: true }, 'edit.cjs': {}, 'reload.cjs': {} };

/** Open the workspace in a window of its own and have its extension host run the tests of a file. */
async function run(name, options) {
  const told = join(home, 'told.json');
  rmSync(told, { force: true });
  const server = await serve({ home, vsix: packaged(), settings, tests: true, ...options });
  const browser = await browse(home);
  const { page } = browser;
  let code;
  try {
    const ended = new Promise((resolve) => page.exposeFunction('codeAutomationExit', resolve));
    const late = new Promise((resolve) => setTimeout(resolve, 3 * PATIENCE, 'it does not end').unref());
    const remote = `vscode-remote://${new URL(server.address).host}`;
    const payload = JSON.stringify([
      ['extensionDevelopmentPath', remote + tests],
      ['extensionTestsPath', remote + join(tests, name)],
    ]);
    await page.goto(`${server.address}/?folder=${workspace}&payload=${encodeURIComponent(payload)}`);
    code = await Promise.race([ended, late]);
  } finally {
    await page.screenshot({ path: join(shots, `${name}.png`) });
    await browser.close();
    await server.stop();
  }
  const results = existsSync(told) ? JSON.parse(readFileSync(told, 'utf8')) : [];
  for (const { name, ms, error } of results)
    console.log(error ? `FAIL  ${name}\n${error}` : `ok    ${name} (${ms} ms)`);
  if (code !== 0) throw new Error(`The tests of ${name} ended with: ${code}`);
}

rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });
execFileSync(python, [fileURLToPath(new URL('workspace.py', import.meta.url)), workspace], { stdio: 'ignore' });
try {
  for (const [name, options] of Object.entries(FILES)) await run(name, options);
} catch (error) {
  console.log(error.message);
  keepLogs(home, shots);
  process.exitCode = 1;
} finally {
  processes('', `OLIVINE_RUN=${workspace}`).forEach((pid) => process.kill(pid, 'SIGKILL'));
  rmSync(home, { recursive: true, force: true });
}
