// What a run panel and the extension tell each other. Imported by both sides: no code of the editor or the browser here.
import type { RunRow } from '../protocol';

/** Step and value. */
export type Point = [step: number, value: number];

export interface Location {
  file: string;
  line: number;
  column: number;
}

export interface TimelinePass {
  name: string;
  type: string;
  started: number;
  seconds: number | null;
  cached: boolean;
}

export interface Artifact {
  name: string;
  kind: string;
  path: string;
  size_bytes: number;
}

export interface Notice {
  code: string;
  message: string;
  hint?: string;
  location: Location | null;
}

export type Measures = Record<string, number | null>;

/** The answer to `olivine.runDetails`. */
export interface RunDetails extends RunRow {
  progress: {
    pass: number | null;
    of: number | null;
    passName: string | null;
    doing: string | null;
    step: number | null;
    total: number | null;
    unit: string | null;
    eta: number | null;
    message: string;
  } | null;
  passes: { name: string; type: string }[];
  timeline: TimelinePass[];
  stages: Record<string, Measures>;
  metrics: Record<string, Point[]>;
  metricsStart: number;
  metricsEnd: number;
  artifacts: Artifact[];
  warnings: Notice[];
  failure: Notice | null;
  host: string;
  versions: Record<string, string>;
  log: string;
  logFile: string;
}

/** What a panel shows: one run, or a second one laid over it. It is the state that survives a reload. */
export interface PanelState {
  runIds: string[];
  smooth?: boolean;
  log?: boolean;
}

export type ToPanel =
  /** The state of a run; what it holds under `metrics` begins at `metricsStart`. */
  | { type: 'run'; details: RunDetails }
  /** The runs to show from now on. */
  | { type: 'show'; runIds: string[] }
  | { type: 'gone'; runId: string };

export type FromPanel =
  | { type: 'ready'; runIds: string[] }
  /** A command about a run: `cancel`, `resume`, … */
  | { type: 'command'; name: RunCommand; runId: string }
  | { type: 'compare' }
  | { type: 'alone'; runId: string }
  | { type: 'open'; runId: string; path: string }
  | { type: 'reveal'; runId: string; path: string }
  | { type: 'goTo'; runId: string; location: Location };

export const RUN_COMMANDS = [
  'cancel',
  'resume',
  'rerun',
  'openReport',
  'openRunLog',
  'openRunConfig',
  'openStudio',
  'tryIt',
] as const;
export type RunCommand = (typeof RUN_COMMANDS)[number];
