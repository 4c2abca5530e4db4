// Bundles the client into out/: what activates, and the connection to the server; --watch keeps both current.
import { context } from 'esbuild';

const watch = process.argv.includes('--watch');
const bundler = await context({
  entryPoints: ['src/extension.ts', 'src/serverConnection.ts'],
  outdir: 'out',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode', './serverConnection'],
  supported: { 'dynamic-import': false }, // require: it needs no file name extension
  minify: !watch,
  sourcemap: watch,
  logLevel: 'warning',
});
if (watch) await bundler.watch();
else {
  await bundler.rebuild();
  await bundler.dispose();
}
