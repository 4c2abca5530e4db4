import { expect, it } from 'vitest';
import type { Point } from '../../src/panel/messages';
import { align, at, describe, extend, MOST, smooth } from '../../webview/run/series';

const line = (from: number, to: number, value = 1): Point[] =>
  Array.from({ length: to - from + 1 }, (_, index) => [from + index, value]);
const text = (value: number): string => value.toFixed(1);

it('takes in what was measured since', () => {
  const first = extend({}, { metricsStart: 0, metrics: { loss: [[1, 3], [2, 2]] } }); // prettier-ignore
  const then = extend(first, { metricsStart: 90, metrics: { loss: [[3, 1]], eval_loss: [[3, 1.5]] } });
  expect(then).toEqual({ loss: [[1, 3], [2, 2], [3, 1]], eval_loss: [[3, 1.5]] }); // prettier-ignore
});

it('begins anew when all is told anew', () => {
  expect(extend({ loss: line(1, 9) }, { metricsStart: 0, metrics: { loss: [[1, 3]] } })).toEqual({ loss: [[1, 3]] });
});

it('lets the steps that a resumed run does again replace those before', () => {
  const after = extend({ loss: line(1, 10, 5) }, { metricsStart: 90, metrics: { loss: line(8, 9, 4) } });
  expect(after['loss']).toEqual([...line(1, 7, 5), ...line(8, 9, 4)]);
});

it('leaves out what no chart can draw', () => {
  const measured = [[1, 3], [2, null], [3, Number.NaN], [4, 1]] as Point[]; // prettier-ignore
  expect(extend({}, { metricsStart: 0, metrics: { loss: measured } })['loss']).toEqual([[1, 3], [4, 1]]); // prettier-ignore
});

it('stays small however long a run is, and keeps both ends', () => {
  let courses = {};
  for (let step = 0; step < 20_000; step += 500)
    courses = extend(courses, { metricsStart: 1, metrics: { loss: line(step, step + 499) } });
  const points = (courses as Record<string, Point[]>)['loss']!;
  expect(points.length).toBeLessThanOrEqual(MOST);
  expect([points[0], points[points.length - 1]]).toEqual([[0, 1], [19_999, 1]]); // prettier-ignore
});

it('smooths noise away without moving a constant or its steps', () => {
  expect(smooth(line(1, 50, 2)).every(([, value]) => Math.abs(value - 2) < 1e-9)).toBe(true);
  const noisy = line(1, 100).map(([step], index): Point => [step, index % 2]);
  const calm = smooth(noisy).slice(-20).map(([, value]) => value); // prettier-ignore
  expect(Math.max(...calm) - Math.min(...calm)).toBeLessThan(0.2);
  expect(smooth(noisy).map(([step]) => step)).toEqual(noisy.map(([step]) => step));
});

it('lays courses with other steps over one axis', () => {
  expect(align([[[1, 10], [3, 30]], [[2, 5], [3, 6]]])).toEqual([[1, 2, 3], [10, null, 30], [null, 5, 6]]); // prettier-ignore
  expect(align([])).toEqual([[]]);
});

it('reads a course between its points', () => {
  const points: Point[] = [[10, 1], [20, 2]]; // prettier-ignore
  expect([5, 10, 19, 99].map((step) => at(points, step)?.[1])).toEqual([undefined, 1, 1, 2]);
});

it('tells a course in words', () => {
  expect(describe('training', [[1, 5], [2, 0.5], [3, 1]], text)) // prettier-ignore
    .toBe('training: 5.0 at step 1, 1.0 at step 3, lowest 0.5, highest 5.0');
  expect(describe('training', [[1, 5]], text)).toBe('training: 5.0 at step 1');
  expect(describe('training', [], text)).toBe('training: nothing measured yet');
});
