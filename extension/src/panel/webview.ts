import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { page } from './page';

/** Let a webview show one of the extension's own pages: `out/webview/<name>.js` and `.css`, and nothing else. */
export function fill(
  webview: vscode.Webview,
  extension: vscode.Uri,
  name: 'run' | 'chat',
  parts: { title: string; body: string; data: Record<string, string> },
): void {
  const folder = vscode.Uri.joinPath(extension, 'out', 'webview');
  const at = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(folder, file)).toString();
  webview.options = { enableScripts: true, localResourceRoots: [folder] };
  webview.html = page({
    ...parts,
    source: webview.cspSource,
    nonce: randomBytes(18).toString('base64'),
    script: at(`${name}.js`),
    style: at(`${name}.css`),
  });
}
