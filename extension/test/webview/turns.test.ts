import { expect, it } from 'vitest';
import type { ChatEvent } from '../../src/chat/messages';
import { fieldsOf, filled, hear, isOpen, type Answer } from '../../webview/chat/turns';

const waiting: Answer = { text: '', state: 'waiting', note: '' };
const said = (event: object): ChatEvent => ({ runId: 'r', side: 'result', id: 1, ...event }) as ChatEvent;

it('fills a template in, and leaves other braces as they are', () => {
  expect(filled('### {phrase}\n{"a": {x}}\n', { phrase: 'We {x} danced', y: '' })).toBe(
    '### We {x} danced\n{"a": {x}}\n',
  );
  expect(fieldsOf('{a} {b} {a} {"c"}')).toEqual(['a', 'b']);
});

it('makes an answer of its tokens and figures', () => {
  const done = { type: 'done', tokens: 2, tokens_per_second: 84.4, first_token_ms: 120.4, reason: 'end' };
  const answer = [said({ type: 'token', text: 'jo' }), said({ type: 'token', text: 'y' }), said(done)].reduce(
    hear,
    waiting,
  );
  expect(answer).toEqual({ text: 'joy', state: 'done', note: '2 tokens · 84 tokens/s · first token after 120 ms' });
  expect(isOpen(answer)).toBe(false);
});

it('keeps what was said before an error, and says what went wrong', () => {
  const answer = [said({ type: 'token', text: 'jo' }), said({ type: 'error', message: 'gone' })].reduce(hear, waiting);
  expect(answer).toEqual({ text: 'jo', state: 'error', note: 'gone' });
});

it('tells that an answer was stopped, and no speed of a single token', () => {
  const done = { type: 'done', tokens: 1, tokens_per_second: null, first_token_ms: 9.6, reason: 'stopped' };
  expect(hear(waiting, said(done)).note).toBe('1 token · first token after 10 ms · stopped');
});
