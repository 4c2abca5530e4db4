import * as vscode from 'vscode';
import type {
  Middleware,
  ProgressToken,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageclient/node';

type Value = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

/**
 * Notifications with a Cancel button for the server's cancellable work. By itself the language client shows such work
 * in the status bar only, without the button.
 */
export class Notifications implements vscode.Disposable {
  private readonly shown = new Map<ProgressToken, Notification>();

  /** `cancel` tells the server that the button of a token was pressed. */
  constructor(private readonly cancel: (token: ProgressToken) => void) {}

  /** The middleware for the language client. */
  readonly handle: NonNullable<Middleware['handleWorkDoneProgress']> = (token, value, next) => {
    if (value.kind === 'begin' && value.cancellable) {
      this.shown.get(token)?.end();
      this.shown.set(token, new Notification(value, () => this.cancel(token)));
      return;
    }
    this.shown.get(token)?.take(value);
    if (value.kind === 'end') this.shown.delete(token);
    next(token, value);
  };

  /** Take all away: whoever would have ended them is gone. */
  dispose(): void {
    for (const each of this.shown.values()) each.end();
    this.shown.clear();
  }
}

class Notification {
  private percent = 0;
  private report: (value: { message?: string; increment?: number }) => void = () => undefined;
  end!: () => void;

  constructor(begin: WorkDoneProgressBegin, onCancel: () => void) {
    const ended = new Promise<void>((resolve) => (this.end = resolve));
    const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: begin.title };
    void vscode.window.withProgress(options, (progress, button) => {
      this.report = (value) => progress.report(value);
      this.take(begin);
      button.onCancellationRequested(onCancel);
      return ended;
    });
  }

  /** Show how far it is; VS Code wants to hear by how much that is more than before. */
  take(value: Value): void {
    if (value.kind === 'end') return this.end();
    const more = (value.percentage ?? 0) - this.percent;
    this.report({
      ...(value.message === undefined ? {} : { message: value.message }),
      ...(more > 0 ? { increment: more } : {}),
    });
    this.percent += Math.max(0, more);
  }
}
