import { mkdtempSync } from 'node:fs';
import { browse, serve } from './editor.mjs';
import { hands } from './keys.mjs';
const home = mkdtempSync('/tmp/panels/home-');
const editor = await serve({
  home,
  vsix: '/tmp/panels/x.vsix',
  settings: {
    'olivine.server.interpreter': '/work/main/.venv/bin/python',
    'olivine.pipeline.interpreter': '/work/main/.venv/bin/python',
  },
});
const { page, close } = await browse(home);
const shot = (n) => page.screenshot({ path: `/tmp/panels/real-${n}.png` });
const frame = () => page.frameLocator('iframe.webview.ready:visible').frameLocator('#active-frame');
page.on('console', (m) => /Content Security|Refused/.test(m.text()) && console.log('CSP', m.text().slice(0, 300)));
try {
  await page.goto(`${editor.address}/?folder=/tmp/panels/ws`);
  await page.locator('.monaco-workbench').waitFor();
  const { command, open } = hands(page);
  await open('olive-config.json');
  console.log('opened');
  await page.keyboard.press('Control+1');
  await page.keyboard.press('Control+Alt+R');
  await page.waitForTimeout(500);
  await command('Olivine: Show Runs');
  const row = page.locator('[id="workbench.view.extension.olivine"] .monaco-list-row');
  await row.nth(2).waitFor();
  await row.first().click();
  await frame().locator('progress').waitFor();
  await shot('live');
  console.log('live', await frame().locator('#heads').innerText());
  await frame().locator('.state.succeeded').waitFor();
  console.log('finished', await frame().locator('#heads').innerText());
} catch (error) {
  await shot('failed');
  console.log(String(error));
} finally {
  await close();
  await editor.stop();
}
