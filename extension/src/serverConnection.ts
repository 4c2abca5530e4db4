// The language client. A bundle of its own, loaded with the server only: the editor does not wait for it.
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  State,
  WorkDoneProgressCancelNotification,
  type ErrorHandler,
  type StaticFeature,
} from 'vscode-languageclient/node';
import { Crashes, RESTARTS } from './crashes';
import { Notifications } from './progress';
import { LANGUAGES, type RunChange, type RunDeleted } from './protocol';
import type { Python } from './python';
import { giveToken, type Question } from './tokens';

/** Who is told of a server: each time it begins to answer, and when a run changes. */
export interface Listener {
  started: () => void;
  runChanged: (change: RunChange | RunDeleted) => void;
}

/** A client of a server that `client.start()` starts. */
export function connect(
  context: vscode.ExtensionContext,
  python: Python,
  log: vscode.LogOutputChannel,
  listener: Listener,
): LanguageClient {
  const libs = context.asAbsolutePath('bundled/libs');
  const notifications = new Notifications((token) => {
    void client.sendNotification(WorkDoneProgressCancelNotification.type, { token });
  });
  const client: LanguageClient = new LanguageClient(
    'olivine',
    'Olivine',
    // It starts in its own folder: a package of the workspace must not be taken for one of the server.
    { command: python.path, args: ['-m', 'olivine_server'], options: { cwd: libs, env: environment(libs) } },
    {
      documentSelector: LANGUAGES.flatMap((language) => [
        { scheme: 'file', language },
        { scheme: 'untitled', language },
      ]),
      outputChannel: log,
      initializationOptions: () => ({
        ...vscode.workspace.getConfiguration().get<object>('olivine'),
        trusted: vscode.workspace.isTrusted,
      }),
      synchronize: { configurationSection: 'olivine' },
      errorHandler: onCrash(log),
      middleware: { handleWorkDoneProgress: notifications.handle },
    },
  );
  client.registerFeature(commandsAreOurs());
  client.registerFeature(tokensAreGiven());
  client.onRequest('olivine/token', (question: Question) => giveToken(question, log));
  client.onNotification('olivine/runChanged', listener.runChanged);
  client.onDidChangeState(({ newState }) => {
    if (newState === State.Stopped) notifications.dispose();
    if (newState === State.Running) listener.started();
  });
  return client;
}

/** The variables for the server: its packages are found, and may keep their bytecode, or every start would compile them. */
function environment(libs: string): NodeJS.ProcessEnv {
  const { PYTHONHOME: _home, PYTHONDONTWRITEBYTECODE: _bytecode, ...env } = process.env;
  return { ...env, PYTHONPATH: libs, PYTHONSAFEPATH: '1', PYTHONUTF8: '1' };
}

/** Restart a server that dies, but not one that does nothing else. */
function onCrash(log: vscode.LogOutputChannel): ErrorHandler {
  const crashes = new Crashes();
  return {
    error: () => ({ action: ErrorAction.Continue }),
    closed: () => {
      if (crashes.add(Date.now())) {
        log.warn(`The server is gone; restarting it (${crashes.count} of ${RESTARTS} in 3 minutes).`);
        return { action: CloseAction.Restart, handled: true };
      }
      void offerRestart(log);
      return { action: CloseAction.DoNotRestart, handled: true };
    },
  };
}

async function offerRestart(log: vscode.LogOutputChannel): Promise<void> {
  const what = `The Olivine server has crashed ${RESTARTS + 1} times in 3 minutes and was not started again.`;
  const choice = await vscode.window.showErrorMessage(what, 'Restart', 'Show Log');
  if (choice === 'Restart') await vscode.commands.executeCommand('olivine.restart');
  else if (choice) log.show();
}

/** Keeps the client from registering the server's commands: the extension does, to add what a person needs around them. */
function commandsAreOurs(): StaticFeature {
  return {
    fillClientCapabilities: () => undefined,
    preInitialize: (capabilities) => {
      delete capabilities.executeCommandProvider;
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
  };
}

/** Tells the server that runs may have tokens of the person's account. */
function tokensAreGiven(): StaticFeature {
  return {
    fillClientCapabilities: (capabilities) => {
      const experimental = capabilities.experimental as object | undefined;
      capabilities.experimental = { ...experimental, olivine: { tokens: true } };
    },
    initialize: () => undefined,
    getState: () => ({ kind: 'static' }),
    clear: () => undefined,
  };
}
