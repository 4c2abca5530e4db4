import { describe, expect, it } from 'vitest';
import { change } from '../src/azure';

describe('the change that is made to a config', () => {
  it.each([
    ['{"a": 1}', '{"a": 1}'],
    ['{"a": 1}', '{"a": 12}'],
    ['{"a": 12}', '{"a": 1}'],
    ['aaa', 'aa'],
    ['aa', 'aaa'],
    ['{}', '{\n  "host": "cloud"\n}'],
    ['', '{}'],
  ])('from %j to %j', (before, after) => {
    const { start, end, by } = change(before, after);
    expect(before.slice(0, start) + by + before.slice(end)).toBe(after);
  });

  it('is no more than what differs', () => {
    expect(change('{"compute": "old", "a": 1}', '{"compute": "new", "a": 1}')).toEqual({
      start: 13,
      end: 16,
      by: 'new',
    });
  });
});
