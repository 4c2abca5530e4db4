import { beforeEach, describe, expect, it, vi } from 'vitest';
import * as vscode from 'vscode';
import { findPython, onPath } from '../src/python';

const settings: Record<string, unknown> = {};
let log: string[];

beforeEach(() => {
  for (const name of Object.keys(settings)) delete settings[name];
  log = [];
  vi.spyOn(vscode.workspace, 'getConfiguration').mockReturnValue({
    get: (name: string, otherwise: unknown) => settings[name] ?? otherwise,
  } as never);
  vi.spyOn(vscode.extensions, 'getExtension').mockReturnValue(undefined);
  Object.assign(vscode.workspace, { isTrusted: true });
});

/** Look for a Python where these commands answer so; any other fails. */
const find = (answers: Record<string, string>) =>
  findPython(
    (line) => log.push(line),
    async (command) => {
      const answer = answers[command.join(' ')];
      if (answer === undefined) throw new Error('spawn ENOENT');
      return answer;
    },
  );

const pythonExtension = (path: string) =>
  vi.spyOn(vscode.extensions, 'getExtension').mockReturnValue({
    activate: async () => ({
      environments: {
        getActiveEnvironmentPath: () => ({ path }),
        resolveEnvironment: async () => ({ executable: { uri: vscode.Uri.file(path) } }),
      },
    }),
  } as never);

describe('the Python for the server', () => {
  it('is the one that is set', async () => {
    settings['server.interpreter'] = '/mine/python';
    const found = await find({ '/mine/python': '3 12 /mine/python\n', python3: '3 11 /usr/bin/python3' });
    expect(found).toMatchObject({ path: '/mine/python', version: '3.12' });
    expect(log).toEqual(['Python 3.12 at /mine/python, from the setting olivine.server.interpreter.']);
  });

  it('is none where the one that is set does not do', async () => {
    settings['server.interpreter'] = '/mine/python';
    expect(await find({ python3: '3 11 /usr/bin/python3' })).toBeUndefined();
    expect(log).toEqual(['Not /mine/python (the setting olivine.server.interpreter): spawn ENOENT']);
  });

  it("is the Python extension's choice before the PATH", async () => {
    pythonExtension('/venv/bin/python');
    const found = await find({ '/venv/bin/python': '3 14 /venv/bin/python', python3: '3 11 /usr/bin/python3' });
    expect(found?.path).toBe('/venv/bin/python');
  });

  it('is not asked of the Python extension in a workspace that is not trusted', async () => {
    pythonExtension('/venv/bin/python');
    Object.assign(vscode.workspace, { isTrusted: false });
    const found = await find({ '/venv/bin/python': '3 14 /venv/bin/python', python3: '3 11 /usr/bin/python3' });
    expect(found?.path).toBe('/usr/bin/python3');
  });

  it('is the next where a choice is too old, too new or no Python', async () => {
    pythonExtension('/venv/bin/python');
    const found = await find({
      '/venv/bin/python': '3 9 /venv/bin/python',
      python3: '3 15 /usr/bin/python3',
      python: '3 10 /opt/python',
    });
    expect(found).toMatchObject({ path: '/opt/python', why: 'the PATH' });
    expect(log.slice(0, 2)).toEqual([
      'Not /venv/bin/python (the Python extension): it is Python 3.9; needed is 3.10 to 3.14.',
      'Not python3 (the PATH): it is Python 3.15; needed is 3.10 to 3.14.',
    ]);
  });

  it('is none on a machine without', async () => {
    expect(await find({ python3: 'this is the store' })).toBeUndefined();
    expect(log).toContain('Not python3 (the PATH): it does not answer like a Python.');
  });

  it('is asked of the launcher on Windows', () => {
    expect(onPath('win32').map(({ command }) => command)).toEqual([['py', '-3'], ['python']]);
  });
});
