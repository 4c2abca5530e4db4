// Opens the example in a real VS Code in the browser, with the extension installed and a run ready to press.
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { serve } from './editor.mjs';
import { packaged, pipelinePython, repository } from './needs.mjs';

const home = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'olivine/demo');
const workspace = join(home, 'phrase-tone');

if (!existsSync(join(workspace, 'model/config.json'))) {
  mkdirSync(home, { recursive: true });
  const example = join(repository, 'examples/phrase-tone');
  const made = ['cache', 'models', '.olivine'].map((name) => join(example, name));
  cpSync(example, workspace, { recursive: true, force: false, filter: (path) => !made.includes(path) });
}
const settings = { 'olivine.pipeline.interpreter': pipelinePython() };
const server = await serve({ home, vsix: packaged(), settings });
const payload = JSON.stringify([
  ['openFile', `vscode-remote://${new URL(server.address).host}${workspace}/olive-config.json`],
]);
console.log(`Open ${server.address}/?folder=${workspace}&payload=${encodeURIComponent(payload)}`);
console.log('The Run above the first line trains a small model. Ctrl+C here closes the editor; a run goes on.');
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void server.stop().then(() => process.exit()));
