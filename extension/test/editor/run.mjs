// One person's session in a real editor, from the packaged extension: write, mend, run, cancel, resume, look.
// Screenshots of each step are kept in dist/editor/; with --picture one becomes the README's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browse, keepLogs, serve } from './editor.mjs';
import { hands } from './keys.mjs';
import { built } from './needs.mjs';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(repository, 'extension/package.json'), 'utf8'));
const here = `${process.platform}-${process.arch}`;
const vsix = process.env.VSIX ?? built(join(repository, `dist/olivine-${here}-${version}.vsix`), 'vsix-here');
const python = built(join(repository, '.venv/bin/python'), 'setup');
const shots = join(repository, 'dist/editor');
const home = mkdtempSync(join(tmpdir(), 'olivine-editor-'));
const workspace = join(home, 'tone');
const config = join(workspace, 'olive-config.json');

const begun = Date.now();
let number = 0;
let page;

async function step(name, action) {
  await action();
  number += 1;
  await page.screenshot({ path: join(shots, `${String(number).padStart(2, '0')}-${name.replaceAll(' ', '-')}.png`) });
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${name}`);
}

/** The record of the newest run. */
function record() {
  const runs = join(workspace, '.olivine/runs');
  const newest = readdirSync(runs).sort().at(-1);
  return JSON.parse(readFileSync(join(runs, newest, 'run.json'), 'utf8'));
}

/** Whether a process is there and no zombie. */
function alive(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function session() {
  const { command, open, go, toast, press } = hands(page);
  const squiggle = page.locator('.monaco-editor .squiggly-error');
  const lines = readFileSync(config, 'utf8').split('\n');
  const row = lines.findIndex((line) => line.includes('LoRAx'));
  const column = lines[row].indexOf('LoRAx');
  const run = page.locator('[id="workbench.view.extension.olivine"] .monaco-list-row').first();

  await step('diagnostics', async () => {
    await open('olive-config.json');
    await squiggle.first().waitFor();
    assert.equal(await squiggle.count(), 1);
    const { left, right, text } = await squiggled(squiggle, column);
    assert.ok(left < 2 && right < 2, `the squiggle is not under ${text}: off by ${left} and ${right} pixels`);
  });
  await step('problems', async () => {
    await page.keyboard.press('Control+Shift+M');
    await page.locator('.markers-panel .monaco-list-row', { hasText: 'LoRAx' }).waitFor();
  });
  await step('quick fix', async () => {
    await go(row + 1, column + 2);
    await page.keyboard.press('Control+.');
    await page.locator('.action-widget', { hasText: 'LoRA' }).waitFor();
  });
  await step('fixed', async () => {
    await page.keyboard.press('Enter');
    await squiggle.first().waitFor({ state: 'detached' });
  });
  await step('hover', async () => {
    await go(row + 2, lines[row + 1].indexOf('"r"') + 2);
    await page.keyboard.press('Control+K');
    await page.keyboard.press('Control+I');
    await page
      .locator('.monaco-hover:visible', { hasText: /[Rr]ank/ })
      .first()
      .waitFor();
  });
  await step('completion', async () => {
    await page.keyboard.press('Escape');
    await go(row + 2, lines[row + 1].length + 1);
    await page.keyboard.press('Enter');
    await page.keyboard.type('"alp');
    await page.locator('.suggest-widget.visible .monaco-list-row.focused', { hasText: 'alpha' }).first().waitFor();
  });
  await step('accepted', async () => {
    await page.keyboard.press('Enter');
    await page.locator('.monaco-editor .view-line', { hasText: /"(lora_)?alpha":/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+S');
    await page.keyboard.press('Control+J');
    await squiggle.first().waitFor({ state: 'detached' });
  });
  await step('run', async () => {
    await go(1, 1);
    await lens('Run', () => existsSync(join(workspace, '.olivine/runs')));
    await toast('olive-config.json').waitFor();
  });
  await step('progress', async () => {
    await toast('olive-config.json')
      .getByText(/training \d+\/120 steps, loss/)
      .waitFor();
    await command('Olivine: Show Runs');
    await run.filter({ hasText: 'running' }).waitFor();
  });
  const first = record();
  await step('cancelled', async () => {
    await press(toast('olive-config.json'), 'Cancel');
    await toast('the run was cancelled').waitFor();
    await run.filter({ hasText: 'cancelled' }).waitFor();
    assert.equal(record().state, 'cancelled');
    assert.equal(alive(first.pid), false);
  });
  await step('reload while it goes on', async () => {
    await press(toast('the run was cancelled'), 'Resume');
    await toast('olive-config.json')
      .getByText(/training/)
      .waitFor();
    await page.reload();
    await toast('olive-config.json')
      .getByText(/training \d+\/120 steps/)
      .waitFor();
  });
  await step('finished', async () => {
    await toast('the run has finished').waitFor({ timeout: 180_000 });
    await run.filter({ hasText: 'succeeded' }).waitFor();
    assert.equal(record().state, 'succeeded');
    assert.equal(record().attempt, 2);
    await page.locator('.codelens-decoration a', { hasText: 'Last run: succeeded' }).waitFor();
  });
  await step('report', async () => {
    await press(toast('the run has finished'), 'Open Result');
    await page.locator('.tab.active', { hasText: 'Report' }).waitFor();
    await page.locator('iframe.webview.ready').waitFor();
    await page.waitForTimeout(1500);
  });
  await step('config as it ran', async () => {
    await command('Olivine: Open Config as It Ran');
    await page.locator('.tab.active', { hasText: 'config.json' }).waitFor();
    await page.locator('.monaco-editor .view-line', { hasText: 'LoRA' }).first().waitFor();
  });
  await step('log', async () => {
    await command('Olivine: Show Log of Run');
    await page.locator('.tab.active', { hasText: 'console.log' }).waitFor();
  });
  await step('deleted', async () => {
    await command('Olivine: Delete Run…');
    await press(page.locator('.monaco-dialog-box'), 'Delete');
    await page.getByText('No runs yet').waitFor();
    assert.deepEqual(readdirSync(join(workspace, '.olivine/runs')), []);
  });
}

/** Click a lens. The editor drops a click on a lens that it is about to draw anew, so look whether it was `done`. */
async function lens(title, done) {
  const link = page.locator('.codelens-decoration a').getByText(title, { exact: true });
  for (let tries = 0; tries < 5; tries++) {
    await link.click();
    for (let waits = 0; waits < 50; waits++) {
      if (done()) return;
      await page.waitForTimeout(100);
    }
  }
  throw new Error(`The lens "${title}" does nothing.`);
}

/** How many pixels a squiggle is off the word in quotes that begins at a column of its line. */
async function squiggled(squiggle, column) {
  const drawn = await squiggle.first().boundingBox();
  return page.evaluate(
    ([drawn, column]) => {
      const line = [...document.querySelectorAll('.view-line')].find((each) => each.textContent.includes('LoRAx'));
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      const at = (offset) => {
        walker.currentNode = line;
        let before = 0;
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          if (offset <= before + node.length) return [node, offset - before];
          before += node.length;
        }
      };
      const range = document.createRange();
      range.setStart(...at(column - 1));
      range.setEnd(...at(column + 'LoRAx"'.length));
      const wanted = range.getBoundingClientRect();
      return {
        left: Math.abs(drawn.x - wanted.left),
        right: Math.abs(drawn.x + drawn.width - wanted.right),
        text: range.toString(),
      };
    },
    [drawn, column],
  );
}

rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });
console.log(`The editor's folder is ${home}; screenshots are in ${shots}.`);
execFileSync(python, [fileURLToPath(new URL('workspace.py', import.meta.url)), workspace], { stdio: 'ignore' });
const server = await serve({ home, vsix, settings: { 'olivine.pipeline.interpreter': python } });
const browser = await browse(home);
({ page } = browser);
const elsewhere = [];
page.on('request', (request) => {
  if (/^https?:/.test(request.url()) && !request.url().startsWith(server.address)) elsewhere.push(request.url());
});
try {
  await page.goto(`${server.address}/?folder=${workspace}`);
  await page.locator('.explorer-folders-view .monaco-list-row[aria-label*="olive-config.json"]').waitFor();
  await session();
  if (process.argv.includes('--picture'))
    copyFileSync(join(shots, '09-progress.png'), join(repository, 'extension/media/screenshot.png'));
  console.log(`1 passed, 0 failed`);
} catch (error) {
  await page.screenshot({ path: join(shots, 'failed.png') });
  console.error(error);
  console.log(`0 passed, 1 failed; see ${shots}`);
  process.exitCode = 1;
} finally {
  writeFileSync(join(shots, 'requests-elsewhere.json'), JSON.stringify([...new Set(elsewhere)], null, 2));
  keepLogs(home, shots);
  await browser.close();
  await server.stop();
  if (!process.exitCode) rmSync(home, { recursive: true, force: true });
}
