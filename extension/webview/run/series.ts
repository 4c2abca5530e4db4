// From what a run measured to what a chart draws.
import type { Point, RunDetails } from '../../src/panel/messages';

/** The course of each metric, by rising step. */
export type Courses = Record<string, Point[]>;

/** More points than this are thinned out: a chart has no more pixels. */
export const MOST = 2000;

/** The courses with what has come since. A run that was resumed does steps again: the new ones count. */
export function extend(before: Courses, details: Pick<RunDetails, 'metrics' | 'metricsStart'>): Courses {
  const after: Courses = details.metricsStart === 0 ? {} : { ...before };
  for (const [name, points] of Object.entries(details.metrics)) after[name] = thin(append(after[name] ?? [], points));
  return after;
}

function append(before: Point[], points: Point[]): Point[] {
  const all = [...before];
  for (const [step, value] of points) {
    if (!Number.isFinite(value)) continue;
    while (all.length && all[all.length - 1]![0] >= step) all.pop();
    all.push([step, value]);
  }
  return all;
}

/** Every second point, the last one kept, until they are few enough. */
function thin(points: Point[]): Point[] {
  if (points.length <= MOST) return points;
  const last = points.length - 1;
  return thin(points.filter((_, index) => index % 2 === 0 || index === last));
}

/** The course without its noise: a running mean that forgets, of which the beginning is not drawn to zero. */
export function smooth(points: Point[], memory = Math.min(0.97, Math.max(0.6, 1 - 20 / points.length))): Point[] {
  let mean = 0;
  let weight = 0;
  return points.map(([step, value]) => {
    mean = memory * mean + (1 - memory) * value;
    weight = memory * weight + (1 - memory);
    return [step, mean / weight];
  });
}

/** Courses over one axis of steps, as uPlot takes them: null where a course has no point. */
export function align(courses: Point[][]): [number[], ...(number | null)[][]] {
  const steps = [...new Set(courses.flatMap((points) => points.map(([step]) => step)))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, index) => [step, index]));
  const columns = courses.map((points) => {
    const column: (number | null)[] = new Array<null>(steps.length).fill(null);
    for (const [step, value] of points) column[place.get(step)!] = value;
    return column;
  });
  return [steps, ...columns];
}

/** The point of a course at a step, or the last one before it. */
export function at(points: Point[], step: number): Point | undefined {
  let found: Point | undefined;
  for (const point of points) {
    if (point[0] > step) break;
    found = point;
  }
  return found;
}

/** A course in words, for those who do not see the chart. */
export function describe(name: string, points: Point[], show: (value: number) => string): string {
  const [first, last] = [points[0], points[points.length - 1]];
  if (!first || !last) return `${name}: nothing measured yet`;
  if (first === last) return `${name}: ${show(first[1])} at step ${first[0]}`;
  const values = points.map(([, value]) => value);
  const ends = `${show(first[1])} at step ${first[0]}, ${show(last[1])} at step ${last[0]}`;
  return `${name}: ${ends}, lowest ${show(Math.min(...values))}, highest ${show(Math.max(...values))}`;
}
