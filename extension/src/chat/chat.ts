import type { LanguageClient } from 'vscode-languageclient/node';
import * as vscode from 'vscode';
import { CHAT_BODY } from '../panel/page';
import { fill } from '../panel/webview';
import type { RunRow } from '../protocol';
import { refused } from '../refusal';
import type { RunList } from '../runs/list';
import { pickRun } from '../runs/pick';
import { nameOf } from '../runs/words';
import type { Server } from '../server';
import type { Ask, ChatEvent, FromChat, Models, ToChat } from './messages';

const TYPE = 'olivine.chat';

/** The command `tryIt`: a panel to talk to what a run has made. It comes back after a reload. */
export function chatPanels(context: vscode.ExtensionContext, server: Server, list: RunList): vscode.Disposable {
  const panels = new Map<string, ChatPanel>();
  const heard = new WeakSet<LanguageClient>();
  const listen = async (): Promise<void> => {
    const client = await server.ready();
    if (heard.has(client)) return;
    heard.add(client);
    client.onNotification('olivine/chatToken', (event: ChatEvent) =>
      panels.get(event.runId)?.tell({ type: 'event', event }),
    );
  };
  const open = (view: vscode.WebviewPanel, runId: string): void => {
    panels.set(runId, new ChatPanel(view, context.extensionUri, server, runId, listen));
    view.onDidDispose(() => panels.delete(runId));
  };
  return vscode.Disposable.from(
    vscode.commands.registerCommand('olivine.tryIt', async (run?: { runId: string }) => {
      try {
        const finished = (row: RunRow): boolean => row.state === 'succeeded';
        const { runId } = run ?? (await pickRun(list, 'Try the model of which run?', finished)) ?? {};
        if (!runId) return;
        const there = panels.get(runId);
        if (there) return there.view.reveal();
        await server.ask<Models>('olivine.chatModels', { runId }); // refuses where there is nothing to talk to
        const title = `Try ${nameOf(runId)}`;
        open(vscode.window.createWebviewPanel(TYPE, title, vscode.ViewColumn.Active), runId);
      } catch (error) {
        await refused(error);
      }
    }),
    vscode.window.registerWebviewPanelSerializer(TYPE, {
      deserializeWebviewPanel: async (view, state?: { runId?: string }) => {
        if (state?.runId) open(view, state.runId);
        else view.dispose();
      },
    }),
    server.onStarted(() => panels.forEach((panel) => panel.tell({ type: 'restarted' }))),
  );
}

class ChatPanel {
  private disposed = false;

  constructor(
    readonly view: vscode.WebviewPanel,
    extension: vscode.Uri,
    private readonly server: Server,
    private readonly runId: string,
    private readonly listen: () => Promise<void>,
  ) {
    view.iconPath = vscode.Uri.joinPath(extension, 'media', 'file.svg');
    view.webview.onDidReceiveMessage((message: FromChat) => this.take(message));
    view.onDidDispose(() => {
      this.disposed = true;
      if (server.wanted) void server.ask('olivine.chatClose', { runId }).catch(() => undefined);
    });
    fill(view.webview, extension, 'chat', { title: view.title, body: CHAT_BODY, data: { run: runId } });
  }

  tell(message: ToChat): void {
    if (!this.disposed) void this.view.webview.postMessage(message);
  }

  private async take(message: FromChat): Promise<void> {
    const { runId } = this;
    const { turn, side } = message.type === 'ask' ? message : { turn: null, side: null };
    try {
      await this.listen();
      if (message.type === 'ask') await this.ask(message);
      else if (message.type === 'stop') await this.server.ask('olivine.chatStop', { runId });
      else this.tell({ type: 'models', models: await this.server.ask<Models>('olivine.chatModels', { runId }) });
    } catch (error) {
      this.tell({ type: 'refused', turn, side, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private async ask({ turn, side, prompt, chat, maxTokens, temperature }: Ask): Promise<void> {
    const asked = { runId: this.runId, side, prompt, chat, maxTokens, temperature };
    const { id } = await this.server.ask<{ id: number }>('olivine.chat', asked);
    this.tell({ type: 'asked', turn, side, id });
  }
}
