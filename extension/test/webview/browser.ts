// The pages of the webviews in a real browser, as VS Code would show them, with a test in the extension's place.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CHAT_BODY, page as html, RUN_BODY } from '../../src/panel/page';
import { webviews } from '../../webview/build.mjs';
import { THEMES } from './themes';

const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Undefined where the machine has no browser. */
export const browserPath = CHROMIUM.find((path) => path && existsSync(path));

const HOST = 'https://webview.test';
/** Where pictures of the pages are left. */
const PICTURES = process.env['PICTURES'] ?? join(tmpdir(), 'olivine-pictures');
const bundles = new Map<string, string>();

export async function launch(): Promise<Browser> {
  const { outputFiles } = await build({ ...webviews, minify: true, write: false });
  for (const { path, text } of outputFiles) bundles.set(`/${basename(path)}`, text);
  return chromium.launch({ executablePath: browserPath!, args: ['--no-sandbox'] });
}

/** What a page has sent, and what the browser found wrong with it. */
export interface Opened {
  page: Page;
  sent: { type: string; [more: string]: unknown }[];
  wrong: string[];
  tell: (message: object) => Promise<void>;
  picture: (name: string) => Promise<void>;
}

export async function open(
  browser: Browser,
  name: 'run' | 'chat',
  theme: 'dark' | 'light',
  data: Record<string, string>,
  state?: object,
): Promise<Opened> {
  const page = await browser.newPage({
    viewport: { width: 1100, height: name === 'run' ? 900 : 700 },
    reducedMotion: 'reduce',
  });
  const opened: Opened = {
    page,
    sent: [],
    wrong: [],
    tell: async (message) => {
      await page.evaluate((message) => window.postMessage(message, '*'), message);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    },
    picture: async (file) => {
      await mkdir(PICTURES, { recursive: true });
      await page.screenshot({ path: join(PICTURES, `${file}.png`), fullPage: true });
    },
  };
  page.on('console', (line) => line.type() === 'error' && opened.wrong.push(line.text()));
  page.on('pageerror', (error) => opened.wrong.push(String(error)));
  await page.exposeFunction('sentByPage', (message: { type: string }) => opened.sent.push(message));
  await page.addInitScript((state) => {
    const window = globalThis as unknown as Record<string, unknown>;
    let kept = state;
    window['acquireVsCodeApi'] = () => ({
      postMessage: window['sentByPage'],
      getState: () => kept,
      setState: (now: object) => (kept = window['keptState'] = now),
    });
  }, state);
  const parts = { source: HOST, nonce: 'abc', script: `${HOST}/${name}.js`, style: `${HOST}/${name}.css`, data };
  const colours = Object.entries(THEMES[theme]).map(([name, value]) => `--vscode-${name}:${value};`);
  const body = name === 'run' ? RUN_BODY : CHAT_BODY;
  const link = `<link rel="stylesheet" href="${HOST}/theme">`;
  const given = html({ title: 'Test', body, ...parts }).replace('<link', `${link}<link`);
  await page.route(`${HOST}/**`, async (route) => {
    const file = new URL(route.request().url()).pathname;
    const type = { '.js': 'text/javascript', '.css': 'text/css' }[file.slice(file.lastIndexOf('.'))];
    if (type) await route.fulfill({ contentType: type, body: bundles.get(file) ?? '' });
    else if (file === '/') await route.fulfill({ contentType: 'text/html', body: given });
    else if (file === '/theme') await route.fulfill({ contentType: 'text/css', body: `:root{${colours.join('')}}` });
    else await route.fulfill({ status: 204 });
  });
  await page.goto(`${HOST}/`);
  return opened;
}
