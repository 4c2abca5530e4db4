// Bundles the client into out/: what activates, the connection to the server, and the pages of webviews. --watch keeps
// all current.
import { context } from 'esbuild';
import { webviews } from '../webview/build.mjs';

const watch = process.argv.includes('--watch');
const look = { minify: !watch, sourcemap: watch };
const client = await context({
  entryPoints: ['src/extension.ts', 'src/serverConnection.ts'],
  outdir: 'out',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode', './serverConnection'],
  supported: { 'dynamic-import': false }, // require: it needs no file name extension
  ...look,
  logLevel: 'warning',
});
const pages = await context({ ...webviews, ...look });
for (const bundler of [client, pages]) {
  if (watch) await bundler.watch();
  else {
    await bundler.rebuild();
    await bundler.dispose();
  }
}
