// Runs a test in the editor again and again: `node often.mjs 20 [run.mjs]`. What a failure showed is kept in dist/editor/.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packaged, repository } from './needs.mjs';

const [times = '20', script = 'run.mjs'] = process.argv.slice(2);
const shots = join(repository, 'dist/editor');
const folder = mkdtempSync(join(tmpdir(), 'olivine-often-'));
const vsix = join(folder, 'olivine.vsix'); // the same for all, whatever is built meanwhile
copyFileSync(packaged(), vsix);

const seconds = [];
let failed = 0;
for (let number = 1; number <= Number(times); number++) {
  const begun = Date.now();
  const program = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    env: { ...process.env, VSIX: vsix },
    encoding: 'utf8',
  });
  seconds.push((Date.now() - begun) / 1000);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'}  ${number} of ${times}  ${seconds.at(-1).toFixed(0)} s`);
  if (status === 0) continue;
  failed += 1;
  console.log(stdout + stderr);
  cpSync(shots, join(repository, `dist/editor-failed-${number}`), { recursive: true });
}
rmSync(folder, { recursive: true });
seconds.sort((a, b) => a - b);
const middle = seconds[Math.floor(seconds.length / 2)].toFixed(0);
console.log(
  `${times - failed} of ${times} passed; ${seconds[0].toFixed(0)} to ${seconds.at(-1).toFixed(0)} s, median ${middle} s`,
);
process.exitCode = failed ? 1 : 0;
