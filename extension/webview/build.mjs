// How the pages of the webviews are bundled: out/webview/run.js, run.css, chat.js, chat.css.
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const webviews = {
  entryPoints: { run: here('run/main.ts'), chat: here('chat/main.ts') },
  outdir: here('../out/webview'),
  bundle: true,
  platform: 'browser',
  format: 'iife',
  target: 'chrome120',
  logLevel: 'warning',
};
