// A run as the server tells of it: the example phrase-tone, with the losses and measurements of a real one.
import { readFileSync } from 'node:fs';
import type { Point, RunDetails } from '../../src/panel/messages';
import type { RunState } from '../../src/protocol';

const real = JSON.parse(readFileSync(new URL('./phrase-tone.json', import.meta.url), 'utf8')) as {
  losses: Point[];
  eval_losses: Point[];
  passes: { name: string; type: string; seconds: number }[];
  stages: Record<string, Record<string, number>>;
  answers: { prompt: string; base: string; result: string }[];
};
export const { answers } = real;

const BEGUN = Date.parse('2026-03-14T09:26:00Z') / 1000;
const LOG = `phrase-tone: 400 rows, 200 held out
[1/3] lora: training 118/120 steps, loss 0.5832, 2 s left
[1/3] lora: training 120/120 steps, loss 0.6121
[1/3] lora done in 1 min 53 s
[2/3] merge done in 1.8 s
[3/3] builder: writing the int4 model
[3/3] builder done in 35 s
accuracy 49.0 % → 86.5 %
`;

/** A run at a step of its training, or at its end. `other` makes a second one that is not the same. */
export function run(state: RunState, step = 120, other = false): RunDetails {
  const slow = other ? 1.25 : 1;
  const upTo = (points: Point[]): Point[] => points.filter(([at]) => at <= step).map(([at, value]) => [at, value * (other ? 1 + 0.12 * Math.exp(-at / 60) + 0.04 : 1)]); // prettier-ignore
  const steps = Array.from({ length: step }, (_, index) => index + 1);
  const done = state === 'succeeded';
  const begun = done ? BEGUN : Date.now() / 1000 - step * 0.95;
  const passes = done ? real.passes : real.passes.slice(0, 1);
  let at = begun;
  return {
    runId: other ? '20260313-174500-phrase-tone' : '20260314-092600-phrase-tone',
    folder: '/home/me/tones/.olivine/runs/20260314-092600-phrase-tone',
    state,
    config: '/home/me/tones/olive-config.json',
    created: begun,
    started: begun,
    ended: done ? begun + 171 * slow : null,
    attempt: 1,
    percent: done ? 100 : Math.round((80 * step) / 120),
    device: 'AMD EPYC, 8 cores',
    url: null,
    output: done ? '/home/me/tones/models' : null,
    message: '',
    progress: done
      ? null
      : {
          pass: 1,
          of: 3,
          passName: 'lora',
          doing: 'training',
          step,
          total: 120,
          unit: 'step',
          eta: (120 - step) * 0.95,
          message: '',
        },
    passes: real.passes.map(({ name, type }) => ({ name, type })),
    timeline: passes.map(({ name, type, seconds }) => {
      const started = at;
      at += seconds * slow;
      return { name, type, started, seconds: done ? seconds * slow : null, cached: false };
    }),
    stages: done ? Object.fromEntries(Object.entries(real.stages).filter(([name]) => !other || name !== 'merged').map(([name, stage]) => [name, name === 'base' || !other ? stage : { ...stage, accuracy: stage['accuracy']! - 0.04 }])) : {}, // prettier-ignore
    metrics: {
      loss: upTo(real.losses),
      eval_loss: upTo(real.eval_losses),
      learning_rate: steps
        .filter((at) => at % 10 === 0)
        .map((at) => [at, (other ? 0.002 : 0.004) * 0.5 * (1 + Math.cos((Math.PI * at) / 120))]),
      tokens_per_second: steps.map((at) => [at, (310 + 18 * Math.sin(at * at) + 9 * Math.sin(at * 2.3)) / slow]),
      memory_bytes: steps
        .filter((at) => at % 10 === 0)
        .map((at) => [at, (2.05 + 0.12 * (1 - Math.exp(-at / 25))) * 1e9 * slow]),
    },
    metricsStart: 0,
    metricsEnd: 1,
    artifacts: done
      ? [
          { name: 'adapter', kind: 'LoRA', path: '/home/me/tones/models/adapter', size_bytes: 5179049 },
          { name: 'model', kind: 'ModelBuilder', path: '/home/me/tones/models/model', size_bytes: 117153788 },
        ]
      : [],
    warnings: [
      {
        code: 'cpu-only',
        message: 'No GPU was found: the training runs on the CPU.',
        location: { file: '/home/me/tones/olive-config.json', line: 18, column: 37 },
      },
    ],
    failure: null,
    host: 'workbench',
    versions: { torch: '2.13.0' },
    log: LOG,
    logFile: '/home/me/tones/.olivine/runs/x/console.log',
  };
}
