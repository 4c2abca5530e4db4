// What the tests in a real editor need of the machine, and what to do where it is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));

const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The browser; exits with advice where there is none. */
export function chromiumPath() {
  const found = CHROMIUM.find((path) => path && existsSync(path));
  if (!found) missing('Chromium', 'Install it (Debian: apt-get install chromium), or set CHROMIUM to its path.');
  return found;
}

/** The folder of code-server and its Node, fetched into the cache where it is not there. */
export function codeServer() {
  const script = fileURLToPath(new URL('../../scripts/editor_install.sh', import.meta.url));
  try {
    return execFileSync('bash', [script], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }).trim();
  } catch {
    return missing('code-server', 'It comes from the npm registry; the lines above say what went wrong.');
  }
}

/** The extension as it is packaged for this machine, or the package that VSIX names. */
export function packaged() {
  const { version } = JSON.parse(readFileSync(join(repository, 'extension/package.json'), 'utf8'));
  const here = `${process.platform}-${process.arch}`;
  return process.env.VSIX ?? built(join(repository, `dist/olivine-${here}-${version}.vsix`), 'vsix-here');
}

/** The Python that has what runs need. */
export function pipelinePython() {
  return built(join(repository, '.venv/bin/python'), 'setup');
}

/** A file that a make target builds. */
function built(path, target) {
  if (!existsSync(path)) missing(path, `Build it with: make ${target}`);
  return path;
}

function missing(what, advice) {
  console.error(`The tests in the editor need ${what}. ${advice}`);
  process.exit(2);
}
