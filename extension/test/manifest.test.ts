import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const contributes = manifest.contributes;
const code = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');
const commands: string[] = contributes.commands.map(({ command }: { command: string }) => command);

it('has code for every command', () => {
  const registered = [...code.matchAll(/ommand\(\s*'(?:olivine\.)?(\w+)'/g)].map(([, name]) => `olivine.${name}`);
  const missing = commands.filter((command) => !registered.includes(command));
  expect(missing).toEqual([]);
});

it('names only commands that it has, in menus, keys and texts', () => {
  const text = JSON.stringify([
    contributes.menus,
    contributes.keybindings,
    contributes.walkthroughs,
    contributes.viewsWelcome,
  ]);
  const named = [...text.matchAll(/(?:"command":"|command:|onCommand:)(olivine\.\w+)/g)].map(([, name]) => name);
  expect(named.filter((name) => !commands.includes(name!))).toEqual([]);
});

it('names only files that are there', () => {
  const files = [...JSON.stringify(manifest).matchAll(/"(?:\.\/)?((?:media|language)\/[^"]+)"/g)].map(
    ([, path]) => path!,
  );
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

it('tells of every setting', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const settings = Object.keys(contributes.configuration.properties);
  expect(settings.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});
