// What the server serves, what its commands about runs give, and what it tells of them. Times are seconds since the epoch.

/** The languages of the manifest. */
export const LANGUAGES = ['olive-config', 'olive-config-yaml'];

export type RunState = 'queued' | 'starting' | 'running' | 'cancelling' | 'cancelled' | 'failed' | 'succeeded' | 'lost';

export const isActive = (state: RunState): boolean => ['queued', 'starting', 'running', 'cancelling'].includes(state);

/** A run in the answer to `olivine.listRuns`. */
export interface RunRow {
  runId: string;
  folder: string;
  state: RunState;
  config: string;
  created: number;
  started: number | null;
  ended: number | null;
  attempt: number;
  percent: number | null;
  device: string;
  output: string | null;
  /** The page of the job of a run that is one. */
  url: string | null;
  message: string;
}

/** The part of a RunRow that `olivine/runChanged` tells too. */
export type RunChange = Pick<RunRow, 'runId' | 'folder' | 'state' | 'config' | 'attempt' | 'percent' | 'message'> & {
  deleted?: undefined;
};
export type RunDeleted = { runId: string; deleted: true };

/** Where a run is kept: the answer to `olivine.run` and `olivine.resume`. */
export interface Started {
  runId: string;
  folder: string;
}

/** What the Python for runs has. */
export interface Environment {
  ok: boolean;
  interpreter: string;
  python: string;
  packages: { name: string; ok: boolean; text: string }[];
  message: string;
}

/** What the server says beside the message when it refuses a command. */
export interface Refusal {
  problems?: { line: number; column: number; code: string; message: string }[];
  environment?: Environment;
}
