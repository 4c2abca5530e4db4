// How the extension lives in a real editor: when it wakes, how it finds a Python, what it does when the server dies.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { browse, keepLogs, serve, until } from './editor.mjs';
import { hands } from './keys.mjs';
import { packaged, repository } from './needs.mjs';
import { processes } from './processes.mjs';

const vsix = packaged();
const shots = join(repository, 'dist/editor/life');
const GOAL_MS = 150;
const CONFIG = '{\n    "input_model": { "type": "HfModel" },\n    "passes": { "a": { "type": "LoRAx" } }\n}\n';

const tests = {
  'sleeps where there is no config': {
    files: { 'README.md': '# Something else\n', 'other.json': '{ "a": 1 }\n' },
    async test({ page, open, activated }) {
      await open('README.md');
      await open('other.json');
      // JSON's own support wakes after all that the folder and its files wake.
      await until(() => activated().includes('vscode.json-language-features'), 'support for JSON');
      assert.doesNotMatch(activated(), /olivine/);
    },
  },
  'wakes for a config': {
    files: { 'olive-config.json': CONFIG },
    async test({ page, open, command, activated }) {
      await open('olive-config.json');
      await page.locator('.squiggly-error').first().waitFor();
      assert.match(activated(), /olivine\.olivine/);
      await command('Developer: Show Running Extensions');
      await page.setViewportSize({ width: 1280, height: 3000 }); // rows out of sight are not drawn
      const row = page.locator('.runtime-extensions-editor .monaco-list-row', { hasText: 'Olivine' });
      const text = await row.locator('.activation-time').textContent();
      console.log(`      ${text}, of ${GOAL_MS} ms on a machine that does nothing else`);
    },
  },
  'offers once to treat a file as a config': {
    files: { 'olive-config.json': CONFIG, 'tune.json': CONFIG },
    async test({ page, open, toast, press, workspace }) {
      await open('olive-config.json');
      await open('tune.json');
      await press(toast('tune.json looks like an Olive config'), 'Yes');
      await page.locator('.codelens-decoration a').first().waitFor();
      const settings = JSON.parse(readFileSync(join(workspace, '.vscode/settings.json'), 'utf8'));
      assert.deepEqual(settings, { 'files.associations': { '**/tune.json': 'olive-config' } });
    },
  },
  'starts the server again when it was killed': {
    files: { 'olive-config.json': CONFIG },
    async test({ page, open, go, servers }) {
      await open('olive-config.json');
      await page.locator('.squiggly-error').first().waitFor();
      const [before] = servers();
      process.kill(before, 'SIGKILL');
      await until(() => servers().length === 1 && servers()[0] !== before, 'a new server');
      await go(3, 36);
      await page.keyboard.type('"');
      await page.locator('.squiggly-error').nth(1).waitFor();
    },
  },
  'tells what to do where there is no Python': {
    files: { 'olive-config.json': CONFIG },
    settings: { 'olivine.server.interpreter': '/nowhere/python' },
    async test({ open, toast }) {
      await open('olive-config.json');
      const told = toast('Olivine cannot use "/nowhere/python"');
      await told.getByRole('button', { name: 'Choose Python…' }).waitFor();
    },
  },
  'checks, and runs nothing, where the workspace is not trusted': {
    files: { 'olive-config.json': CONFIG },
    trust: true,
    async test({ page, open, toast, workspace }) {
      await page.getByText('Restricted Mode').first().waitFor();
      await open('olive-config.json');
      await page.locator('.squiggly-error').first().waitFor();
      await page.locator('.codelens-decoration a').getByText('Run', { exact: true }).click();
      await toast(/not trusted/).waitFor();
      assert.ok(!readdirSync(workspace).includes('.olivine'));
    },
  },
};

/** The lines of the extension host's logs that tell which extensions woke. */
function activated(home) {
  try {
    const pattern = ['-rh', '_doActivateExtension ', join(home, 'data/logs'), '--include=remoteexthost.log'];
    return execFileSync('grep', pattern, { encoding: 'utf8' });
  } catch {
    return '';
  }
}

async function run(name, { files, settings, trust, test }) {
  const home = mkdtempSync(join(tmpdir(), 'olivine-life-'));
  const workspace = join(home, 'work');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
  const server = await serve({ home, vsix, settings, trust });
  const browser = await browse(home);
  const { page } = browser;
  try {
    await page.goto(`${server.address}/?folder=${workspace}`);
    await page.locator('.explorer-folders-view .monaco-list-row').first().waitFor();
    const own = { page, workspace, servers: () => processes('olivine_server', home), activated: () => activated(home) };
    await test({ ...own, ...hands(page) });
    console.log(`ok    ${name}`);
    return true;
  } catch (error) {
    console.log(`FAIL  ${name}\n${error.stack}`);
    keepLogs(home, join(shots, name.replaceAll(' ', '-')));
    return false;
  } finally {
    await page.screenshot({ path: join(shots, `${name.replaceAll(' ', '-')}.png`) });
    await browser.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });
const [only] = process.argv.slice(2);
const results = [];
for (const [name, test] of Object.entries(tests)) if (!only || name.includes(only)) results.push(await run(name, test));
const failed = results.filter((passed) => !passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
