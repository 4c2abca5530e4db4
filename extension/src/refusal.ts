import * as vscode from 'vscode';
import type { Refusal } from './protocol';
import { choosePython } from './server';

/** Tell why the server refused, with what helps; `force` is called where the person wants it done all the same. */
export async function refused(error: unknown, force?: () => unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const { problems, environment } = (dataOf(error) ?? {}) as Refusal;
  const { showErrorMessage } = vscode.window;
  if (problems) {
    const [first = message] = message.split('\n');
    const choice = await showErrorMessage(first, 'Show Problems', ...(force ? ['Run Anyway'] : []));
    if (choice === 'Show Problems') await vscode.commands.executeCommand('workbench.actions.view.problems');
    else if (choice) await force?.();
  } else if (environment) {
    const choice = await showErrorMessage(environment.message, 'Set up Training Environment', 'Choose Python…');
    if (choice === 'Choose Python…') await choosePython('pipeline.interpreter');
    else if (choice) await vscode.commands.executeCommand('olivine.setupEnvironment');
  } else {
    await showErrorMessage(message);
  }
}

const dataOf = (error: unknown): unknown =>
  typeof error === 'object' && error && 'data' in error ? error.data : undefined;
