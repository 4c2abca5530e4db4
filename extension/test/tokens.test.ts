import { beforeEach, expect, it, vi } from 'vitest';
import * as vscode from 'vscode';
import { expiry, giveToken, providerFor, type Question } from '../src/tokens';

const log = { info: vi.fn() };
const getSession = vi.mocked(vscode.authentication.getSession);
const scope = 'https://management.azure.com/.default';
const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
const session = (accessToken: string): vscode.AuthenticationSession => ({
  id: 'session',
  accessToken,
  account: { id: 'me', label: 'me@here' },
  scopes: [scope],
});
const ask = (changes: Partial<Question> = {}): Question => ({
  runId: 'one',
  scopes: [scope],
  tenant: null,
  claims: null,
  ...changes,
});

beforeEach(() => {
  getSession.mockReset().mockResolvedValue(session(jwt({ exp: 1234 })));
  log.info.mockReset();
});

it('gives the token of the account for an audience in a tenant, with its end', async () => {
  expect(await giveToken(ask({ tenant: 'mine' }), log)).toEqual({ token: jwt({ exp: 1234 }), expires: 1234 });
  expect(getSession).toHaveBeenCalledWith('microsoft', [scope, 'VSCODE_TENANT:mine'], { createIfNone: true });
});

it('signs in anew where Azure asks for it', async () => {
  await giveToken(ask({ claims: '{}' }), log);
  expect(getSession.mock.calls[0]![2]).toHaveProperty('forceNewSession');
});

it('does not ask a person twice who has refused a run', async () => {
  getSession.mockRejectedValueOnce(new Error('User did not consent to login.'));
  expect(await giveToken(ask({ runId: 'refused' }), log)).toBeNull();
  expect(await giveToken(ask({ runId: 'refused' }), log)).toBeNull();
  expect(getSession).toHaveBeenCalledTimes(1);
  expect(await giveToken(ask({ runId: 'another' }), log)).not.toBeNull();
});

it('asks no account where the person wants another way', async () => {
  const settings = vi.spyOn(vscode.workspace, 'getConfiguration');
  settings.mockReturnValueOnce({ get: () => false } as unknown as vscode.WorkspaceConfiguration);
  expect(await giveToken(ask(), log)).toBeNull();
  expect(getSession).not.toHaveBeenCalled();
});

it('logs no token', async () => {
  await giveToken(ask(), log);
  expect(log.info).not.toHaveBeenCalled();
});

it('takes the accounts of sovereign clouds for their addresses', () => {
  expect(providerFor([scope])).toBe('microsoft');
  expect(providerFor(['https://management.chinacloudapi.cn/.default'])).toBe('microsoft-sovereign-cloud');
  expect(providerFor(['https://management.usgovcloudapi.net/.default'])).toBe('microsoft-sovereign-cloud');
  expect(providerFor(['https://ml.azure.us/.default'])).toBe('microsoft-sovereign-cloud');
});

it('takes a token of which nobody knows the end for one that ends soon', () => {
  const now = Date.now() / 1000;
  expect(expiry('opaque')).toBeGreaterThan(now);
  expect(expiry('opaque')).toBeLessThan(now + 3600);
});
