import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import type { RunChange, RunDeleted } from './protocol';
import { configured, findPython, type Python } from './python';

/** The language server, started when it is first needed. */
export class Server implements vscode.Disposable {
  private starting: Promise<LanguageClient> | undefined;
  private readonly started = new vscode.EventEmitter<void>();
  private readonly runChanged = new vscode.EventEmitter<RunChange | RunDeleted>();
  /** Fires each time a server begins to answer, after a crash too. */
  readonly onStarted = this.started.event;
  readonly onRunChanged = this.runChanged.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** The client of the running server. Rejects where it cannot be started; the person was told why. */
  ready(): Promise<LanguageClient> {
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  /** Whether somebody has asked for the server. */
  get wanted(): boolean {
    return this.starting !== undefined;
  }

  /** Have the server do a command. Rejects with a ResponseError where it refuses. */
  async ask<T>(command: string, argument: object = {}): Promise<T> {
    const client = await this.ready();
    return client.sendRequest<T>('workspace/executeCommand', { command, arguments: [argument] });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.ready();
  }

  async stop(): Promise<void> {
    const before = this.starting;
    this.starting = undefined;
    const client = await before?.catch(() => undefined);
    await client?.dispose().catch((error: unknown) => this.log.warn(String(error)));
  }

  dispose(): void {
    this.started.dispose();
    this.runChanged.dispose();
  }

  private async start(): Promise<LanguageClient> {
    const python = await findPython((line) => this.log.info(line));
    if (!python) {
      void this.missing();
      throw new Error('There is no Python for the language server.');
    }
    const { connect } = await import('./serverConnection');
    const begun = Date.now();
    const client = connect(this.context, python, this.log, {
      started: () => this.started.fire(),
      runChanged: (change) => this.runChanged.fire(change),
    });
    try {
      await client.start();
    } catch (error) {
      void client.dispose().catch(() => undefined);
      void this.failed(python, error as Error);
      throw error;
    }
    this.log.info(`The server has started in ${Date.now() - begun} ms.`);
    return client;
  }

  private async missing(): Promise<void> {
    const set = configured();
    const what = set
      ? `Olivine cannot use "${set}", the interpreter in its settings.`
      : 'Olivine needs Python 3.10 to 3.14 to check configs, and found none.';
    const choice = await vscode.window.showErrorMessage(what, 'Choose Python…', 'Get Python', 'Show Log');
    if (choice === 'Choose Python…') await choosePython('server.interpreter');
    else if (choice === 'Get Python')
      await vscode.env.openExternal(vscode.Uri.parse('https://www.python.org/downloads/'));
    else if (choice) this.log.show();
  }

  private async failed(python: Python, error: Error): Promise<void> {
    this.log.error(error);
    const what = `The Olivine server did not start with ${python.path}: ${error.message}`;
    const choice = await vscode.window.showErrorMessage(what, 'Restart', 'Choose Python…', 'Show Log');
    if (choice === 'Restart') await this.restart();
    else if (choice === 'Choose Python…') await choosePython('server.interpreter');
    else if (choice) this.log.show();
  }
}

/** Let the person pick a Python into a setting of the section `olivine`. */
export async function choosePython(setting: string): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({ title: 'Choose a Python interpreter', openLabel: 'Use It' });
  const path = chosen?.[0]?.fsPath;
  const scope = vscode.workspace.workspaceFolders
    ? vscode.ConfigurationTarget.Workspace
    : vscode.ConfigurationTarget.Global;
  if (path) await vscode.workspace.getConfiguration('olivine').update(setting, path, scope);
}
