// Draws media/icon.png, which the marketplace wants, from media/icon.svg.
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { chromiumPath } from '../test/editor/needs.mjs';

const media = new URL('../media/', import.meta.url);
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 128, height: 128 } });
await page.setContent(
  `<style>body{margin:0}svg{display:block}</style>${await readFile(new URL('icon.svg', media), 'utf8')}`,
);
await page.screenshot({ path: new URL('icon.png', media).pathname, omitBackground: true });
await browser.close();
