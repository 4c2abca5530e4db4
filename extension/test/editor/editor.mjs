// A real VS Code: code-server with the packaged extension, in a folder of its own, and Chromium to look at it.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { chromiumPath, codeServer } from './needs.mjs';

/** Settings that keep an editor calm: no network, no hints, nothing that moves by itself. */
const CALM = {
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.restoreWindows': 'none',
  'workbench.enableExperiments': false,
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** Milliseconds until something is given up. Nothing takes so long but on a machine that does much else. */
export const PATIENCE = 120_000;

const SERVED = ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'];
const TESTED = ['--host', '127.0.0.1', '--without-connection-token', '--accept-server-license-terms'].concat([
  '--telemetry-level',
  'off',
  '--enable-smoke-test-driver',
]);

/**
 * Start the server of an editor in `home`, with the extension `vsix` installed.
 *
 * `settings` are the machine's: those with paths count only there. `trust`: whether the editor asks for trust. `tests`:
 * whether extension hosts shall run tests, which the VS Code in code-server does, but not code-server itself.
 */
export async function serve({ home, vsix, settings = {}, trust = false, tests = false }) {
  const installed = codeServer();
  const folder = (name) => join(home, name);
  for (const name of ['data/User', 'data/Machine', 'extensions']) mkdirSync(folder(name), { recursive: true });
  writeFileSync(folder('data/User/settings.json'), JSON.stringify(CALM, null, 2));
  writeFileSync(folder('data/Machine/settings.json'), JSON.stringify(settings, null, 2));
  writeFileSync(folder('config.yaml'), 'auth: none\ncert: false\n');
  const env = {
    ...inherited(),
    PATH: `${join(installed, 'bin')}:${process.env.PATH}`,
    HOME: home,
    XDG_CONFIG_HOME: folder('xdg'),
    EXTENSIONS_GALLERY: '{"serviceUrl":""}',
    OMP_WAIT_POLICY: 'passive', // a training beside an editor on few cores
  };
  const node = join(installed, 'bin', 'node');
  const program = join(installed, 'node_modules/code-server/out/node/entry.js');
  const places = ['--config', 'config.yaml', '--user-data-dir', 'data', '--extensions-dir', 'extensions'];
  const common = [program, ...places.map((each) => (each.startsWith('--') ? each : folder(each)))];
  const install = spawnSync(node, [...common, '--install-extension', vsix], { env, encoding: 'utf8' });
  if (install.status !== 0) throw new Error(`The extension cannot be installed:\n${install.stdout}${install.stderr}`);
  const port = await freePort();
  const log = openSync(folder('server.log'), 'w');
  const vscode = join(installed, 'node_modules/code-server/lib/vscode/out/server-main.js');
  const command = tests
    ? [vscode, ...common.slice(3), '--server-data-dir', folder('data'), '--port', String(port), ...TESTED]
    : [...common, '--bind-addr', `127.0.0.1:${port}`, ...SERVED];
  if (!trust) command.push('--disable-workspace-trust');
  const server = spawn(node, command, { env, stdio: ['ignore', log, log], detached: true });
  const address = `http://127.0.0.1:${port}`;
  await answers(`${address}/${tests ? 'version' : 'healthz'}`);
  return { address, stop: () => stop(server) };
}

/** Wait until something is so. */
export async function until(met, what) {
  for (const end = Date.now() + PATIENCE; !(await met());) {
    if (Date.now() > end) throw new Error(`There is no ${what}.`);
    await pause(100);
  }
}

/** Open a page of Chromium in `home`. */
export async function browse(home, size = { width: 1280, height: 800 }) {
  const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
  const context = await chromium.launchPersistentContext(join(home, 'browser'), {
    executablePath: chromiumPath(),
    headless: true,
    viewport: size,
    args: ['--no-sandbox', '--disable-gpu', '--disable-sync', ...quiet],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  return { page, close: () => context.close() };
}

/** The logs that the editor wrote, copied to where they are kept. */
export function keepLogs(home, to) {
  cpSync(join(home, 'data', 'logs'), join(to, 'logs'), { recursive: true });
}

/** The environment but what would tie an editor, or a run's place in the queue, to others of this machine. */
function inherited() {
  const shared = /^(VSCODE_|XDG_|OLIVINE_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !shared.test(name)));
}

async function stop(server) {
  const gone = new Promise((resolve) => server.once('exit', resolve));
  const tell = (signal) => {
    try {
      process.kill(-server.pid, signal);
    } catch {
      // it is gone
    }
  };
  tell('SIGTERM');
  await Promise.race([gone, pause(5000)]);
  tell('SIGKILL');
}

async function answers(address) {
  for (const end = Date.now() + PATIENCE; Date.now() < end;) {
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) return;
    await pause(100);
  }
  throw new Error(`code-server does not answer at ${address}`);
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
