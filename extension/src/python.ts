import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import * as vscode from 'vscode';

/** Versions that the bundled packages are compiled for: Python 3.MINOR. */
const OLDEST = 10;
const NEWEST = 14;
const PROBE = 'import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)';
const SECONDS = 10;

/** A Python that may do, and who says so. `command` is a program and its first arguments. */
export interface Candidate {
  command: string[];
  why: string;
}

/** A Python that does. */
export interface Python {
  path: string;
  version: string;
  why: string;
}

export type Probe = (command: string[]) => Promise<string>;

/**
 * The Python for the server: the one set, else the one of the Python extension, else one on the PATH.
 * One that was set is not replaced by another: undefined where it does not do. `log` is told what was looked at.
 */
export async function findPython(log: (line: string) => void, probe: Probe = ask): Promise<Python | undefined> {
  const set = configured();
  if (set) return look({ command: [set], why: 'the setting olivine.server.interpreter' }, log, probe);
  const others = [await fromPythonExtension(log), ...onPath(process.platform)];
  for (const candidate of others) {
    const found = candidate && (await look(candidate, log, probe));
    if (found) return found;
  }
  return undefined;
}

/** The value of the setting, with `~` and `${workspaceFolder}` replaced; empty where none is set. */
export function configured(): string {
  const value = vscode.workspace.getConfiguration('olivine').get('server.interpreter', '').trim();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  return value.replace(/^~(?=[/\\]|$)/, homedir()).replace('${workspaceFolder}', folder);
}

async function look(candidate: Candidate, log: (line: string) => void, probe: Probe): Promise<Python | undefined> {
  const name = `${candidate.command.join(' ')} (${candidate.why})`;
  try {
    const [, major, minor, path] = /^(\d+) (\d+) (.+)$/m.exec((await probe(candidate.command)).trim()) ?? [];
    const version = `${major}.${minor}`;
    if (!path) log(`Not ${name}: it does not answer like a Python.`);
    else if (major !== '3' || Number(minor) < OLDEST || Number(minor) > NEWEST)
      log(`Not ${name}: it is Python ${version}; needed is 3.${OLDEST} to 3.${NEWEST}.`);
    else {
      log(`Python ${version} at ${path}, from ${candidate.why}.`);
      return { path, version, why: candidate.why };
    }
  } catch (error) {
    log(`Not ${name}: ${(error as Error).message.split('\n')[0]}`);
  }
  return undefined;
}

/** What the Python extension has chosen; undefined where it is not there. It runs programs, so only where trusted. */
async function fromPythonExtension(log: (line: string) => void): Promise<Candidate | undefined> {
  const extension = vscode.extensions.getExtension('ms-python.python');
  if (!extension || !vscode.workspace.isTrusted) return undefined;
  try {
    const api = await extension.activate();
    const chosen = api.environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
    const environment = await api.environments.resolveEnvironment(chosen);
    const path: string | undefined = environment?.executable.uri?.fsPath;
    return path ? { command: [path], why: 'the Python extension' } : undefined;
  } catch (error) {
    log(`The Python extension does not tell its choice: ${(error as Error).message}`);
    return undefined;
  }
}

/** The names under which a Python is on the PATH. */
export function onPath(platform: NodeJS.Platform): Candidate[] {
  const names = platform === 'win32' ? [['py', '-3'], ['python']] : [['python3'], ['python']];
  return names.map((command) => ({ command, why: 'the PATH' }));
}

/** Ask a Python who it is, outside of any folder whose modules it might load. */
function ask(command: string[]): Promise<string> {
  const [program = '', ...first] = command;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...first, '-I', '-c', PROBE],
      { timeout: SECONDS * 1000, cwd: homedir(), windowsHide: true },
      (error, output) => (error ? reject(error) : resolve(output)),
    );
  });
}
