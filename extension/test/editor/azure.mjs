// A config for Azure ML in a real editor: submitted by its lens, followed and cancelled, at a double of the service.
// The Python of `make setup` has to have `olivine[azure]`: `make test-editor-azure` sees to that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { browse, keepLogs, serve, until } from './editor.mjs';
import { hands } from './keys.mjs';
import { packaged, pipelinePython, repository } from './needs.mjs';
import { processes } from './processes.mjs';

const shots = join(repository, 'dist/editor/azure');
const home = mkdtempSync(join(tmpdir(), 'olivine-azure-'));
rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });

const python = pipelinePython();
const double = spawn(python, ['-m', 'double', join(home, 'double'), '--seconds', '2'], {
  cwd: join(repository, 'tests/azureml'),
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface({ input: double.stdout })[Symbol.asyncIterator]();
const answer = async () => {
  const { value, done } = await lines.next();
  if (done) throw new Error(`The double does not start: ${python} has to have olivine[azure].`);
  return JSON.parse(value);
};
/** The jobs of the double with their states. */
const jobs = () => (double.stdin.write('jobs\n'), answer());

async function session(page, workspace) {
  const { open, go, lens, toast, told, press } = hands(page);
  const shot = (name) => page.screenshot({ path: join(shots, `${name}.png`) });
  await open('olive-config.json');
  await go(1, 1);
  await lens('Submit to Azure ML', () => existsSync(join(workspace, '.olivine/runs')));
  // The editor offers its account first; who declines is signed in as a terminal would be.
  const account = page.locator('.monaco-dialog-box', { hasText: 'wants to sign in using Microsoft' });
  await account.waitFor();
  await shot('1-account');
  await press(account, 'Cancel');
  const bar = toast('olive-config.json');
  await bar.getByText(/training \d+\/6 steps/).waitFor();
  assert.deepEqual(Object.values(await jobs()), ['Running']);
  await shot('2-running');
  await press(bar, 'Cancel');
  await told('the run was cancelled');
  await until(async () => Object.values(await jobs())[0] === 'Canceled', 'job that was cancelled');
  await shot('3-cancelled');
}

const { project, interpreter } = await answer();
const server = await serve({ home, vsix: packaged(), settings: { 'olivine.pipeline.interpreter': interpreter } });
const browser = await browse(home);
try {
  await browser.page.goto(`${server.address}/?folder=${project}`);
  await session(browser.page, project);
  console.log('1 passed, 0 failed');
} catch (error) {
  await browser.page.screenshot({ path: join(shots, 'failed.png') });
  console.error(error);
  console.log(`0 passed, 1 failed; see ${shots}`);
  process.exitCode = 1;
} finally {
  keepLogs(home, shots);
  await browser.close();
  await server.stop();
  processes('', `OLIVINE_RUN=${project}`).forEach((pid) => process.kill(pid, 'SIGKILL'));
  double.stdin.end();
  await new Promise((resolve) => double.once('exit', resolve));
  rmSync(home, { recursive: true, force: true });
}
