// How runs are told of, in the editor and on its pages.
import { isActive, type RunRow, type RunState } from '../protocol';

/** Icon and colour by state, in VS Code's own names. */
export const ICONS: Record<RunState, [icon: string, colour?: string]> = {
  queued: ['clock'],
  starting: ['loading~spin'],
  running: ['loading~spin', 'charts.blue'],
  cancelling: ['loading~spin', 'charts.yellow'],
  cancelled: ['circle-slash'],
  failed: ['error', 'testing.iconFailed'],
  succeeded: ['pass', 'testing.iconPassed'],
  lost: ['question', 'charts.yellow'],
};

/** The name of a run: its id without the time. */
export const nameOf = (runId: string): string => runId.replace(/^\d{8}-\d{6}-/, '');

/** `8.2 s`, `3 min 05 s`, `2 h 05 min`, `3 days`: as on the command line and in reports. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  const two = (count: number): string => String(count % 60).padStart(2, '0');
  if (minutes < 60) return `${minutes} min ${two(whole)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${two(minutes)} min` : `${Math.floor(hours / 24)} days`;
}

/** `14:05` today, else the date with it. */
export function moment(seconds: number, now: Date): string {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === now.toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
}

/** State, share, duration and beginning of a run, in a line. */
export function summary(run: RunRow, now: Date): string {
  const share = isActive(run.state) && run.percent !== null ? ` ${run.percent} %` : '';
  const end = run.ended ?? (isActive(run.state) ? now.getTime() / 1000 : null);
  const took = run.started !== null && end !== null ? duration(end - run.started) : '';
  return [run.state + share, took, moment(run.created, now)].filter(Boolean).join(' · ');
}
