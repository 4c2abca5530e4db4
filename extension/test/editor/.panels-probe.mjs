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
  await command('Olivine: Open Run');
  await frame().locator('#measures table').waitFor();
  await shot('run');
  console.log(await frame().locator('#heads').innerText());
  await page.waitForTimeout(6000);
  await page.reload();
  await page.locator('.monaco-workbench').waitFor();
  await frame().locator('#measures table').waitFor();
  console.log('panel came back after reload');
  page.setDefaultTimeout(40000);
  await frame().getByRole('button', { name: 'Try it' }).click();
  await frame().locator('#field-phrase').waitFor();
  await frame().getByLabel('Beside the base model').check();
  await frame().locator('#field-phrase').fill('We danced in the kitchen until the neighbours laughed.');
  await frame().locator('#field-phrase').press('Enter');
  await frame().locator('.result[data-state=done]').waitFor();
  await frame().locator('.base[data-state=done]').waitFor();
  await page.waitForTimeout(300);
  await shot('chat');
  console.log(await frame().locator('#turns').innerText());
} catch (error) {
  await shot('failed');
  console.log(String(error));
} finally {
  await close();
  await editor.stop();
}
