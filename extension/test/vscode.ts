// The module `vscode` outside of VS Code: what the tests of the client's own logic need of it.
import { createVSCodeMock } from 'jest-mock-vscode';
import { vi } from 'vitest';

const mock = createVSCodeMock(vi);

export const authentication = { getSession: vi.fn() };
export const extensions = { getExtension: (): unknown => undefined };
export const { commands, languages, tasks, window, workspace } = mock;
export const { ConfigurationTarget, EventEmitter, MarkdownString, ProgressLocation, StatusBarAlignment } = mock;
export const { Disposable, Position, Range, ThemeColor, ThemeIcon, TreeItem, Uri, ViewColumn } = mock;
