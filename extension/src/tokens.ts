// Tokens for runs at Azure ML, from the account that the person has in VS Code. None is kept or logged here.
import * as vscode from 'vscode';

/** What the server asks: for whom, for which audience, in which tenant. */
export interface Question {
  runId: string;
  scopes: string[];
  tenant: string | null;
  claims: string | null;
}

/** A token, and when it ends in seconds since the epoch. */
export interface Token {
  token: string;
  expires: number;
}

/** How long a token is taken to be good that does not say it, in seconds. */
const UNKNOWN = 600;
const AGAIN = 'Azure asks for another sign-in.';

/** Whom the person, or an editor without accounts, has refused a token: they are not asked again by that run. */
const refusals = new Set<string>();

/** Answer a question of the server; null where there is no token, for then a run looks elsewhere. */
export async function giveToken(question: Question, log: Pick<vscode.LogOutputChannel, 'info'>): Promise<Token | null> {
  const { runId, scopes, tenant, claims } = question;
  const wished = vscode.workspace.getConfiguration('olivine').get('azure.editorAccount', true);
  if (!wished || refusals.has(runId)) return null;
  try {
    const wanted = tenant ? [...scopes, `VSCODE_TENANT:${tenant}`] : scopes;
    // A challenge of Azure's is met by a new sign-in.
    const session = await (claims
      ? vscode.authentication.getSession(providerFor(scopes), wanted, { forceNewSession: { detail: AGAIN } })
      : vscode.authentication.getSession(providerFor(scopes), wanted, { createIfNone: true }));
    return { token: session.accessToken, expires: expiry(session.accessToken) };
  } catch (error) {
    refusals.add(runId);
    const reason = error instanceof Error ? error.message : String(error);
    log.info(`${runId} gets no token from an account of this editor: ${reason}`);
    return null;
  }
}

/** The accounts of China's and the US government's clouds are another provider's. */
export const providerFor = (scopes: string[]): string =>
  scopes.some((scope) => /^https:\/\/[^/]*(\.cn|\.us|\.usgovcloudapi\.net)(\/|$)/.test(scope))
    ? 'microsoft-sovereign-cloud'
    : 'microsoft';

/** When a token ends, as it says itself. */
export function expiry(token: string): number {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    if (typeof exp === 'number') return Math.floor(exp);
  } catch {
    // It is no JWT.
  }
  return Math.floor(Date.now() / 1000) + UNKNOWN;
}
