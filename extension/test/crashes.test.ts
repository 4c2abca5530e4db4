import { expect, it } from 'vitest';
import { Crashes } from '../src/crashes';

const MINUTE = 60_000;

it('restarts a server five times in three minutes', () => {
  const crashes = new Crashes();
  expect([0, 1, 2, 3, 4, 5].map((time) => crashes.add(time))).toEqual([true, true, true, true, true, false]);
});

it('forgets what was long ago', () => {
  const crashes = new Crashes();
  for (const time of [0, 1, 2, 3, 4]) crashes.add(time);
  expect(crashes.add(4 * MINUTE)).toBe(true);
  expect(crashes.count).toBe(1);
});
