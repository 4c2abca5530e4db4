// Bundles the client into out/extension.js; --watch keeps it current.
import { context } from 'esbuild';

const watch = process.argv.includes('--watch');
const bundler = await context({
  entryPoints: ['src/extension.ts'],
  outfile: 'out/extension.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  minify: !watch,
  sourcemap: watch,
  logLevel: 'warning',
});
if (watch) await bundler.watch();
else {
  await bundler.rebuild();
  await bundler.dispose();
}
