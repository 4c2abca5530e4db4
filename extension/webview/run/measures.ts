// The measurements of a run's stages as a table.
import type { Measures } from '../../src/panel/messages';
import { number, percent, size } from '../shared/words';

export interface Measure {
  name: string;
  title: string;
  better: 'higher' | 'lower';
  show: (value: number) => string;
}

export const MEASURES: Measure[] = [
  { name: 'accuracy', title: 'Accuracy', better: 'higher', show: percent },
  { name: 'perplexity', title: 'Perplexity', better: 'lower', show: number },
  { name: 'first_token_ms', title: 'First token', better: 'lower', show: (value) => `${number(value)} ms` },
  { name: 'tokens_per_second', title: 'Tokens/s', better: 'higher', show: number },
  { name: 'size_bytes', title: 'Size', better: 'lower', show: size },
];

const TITLES: Record<string, string> = { base: 'Base', tuned: 'Fine-tuned', merged: 'Merged', onnx: 'ONNX' };

/** The name of a stage for people. */
export const stageTitle = (name: string): string => TITLES[name] ?? name;

export interface Cell {
  text: string;
  best: boolean;
  /** Against the base model: `+20.0 points`, `4.6 × smaller`; empty where that says nothing. */
  change: string;
  verdict: 'better' | 'worse' | 'same';
}

/** The cells of one stage beside those it is compared with; `all` are the stages in the table, the base first. */
export function cells(stage: Measures, base: Measures | undefined, all: Measures[]): Cell[] {
  return MEASURES.map((measure) => {
    const value = finite(stage[measure.name]);
    if (value === undefined) return { text: '–', best: false, change: '', verdict: 'same' };
    return { text: measure.show(value), best: isBest(measure, value, all), ...against(measure, value, base) };
  });
}

function isBest(measure: Measure, value: number, all: Measures[]): boolean {
  const values = all.map((stage) => finite(stage[measure.name])).filter((value) => value !== undefined);
  if (new Set(values.map(measure.show)).size < 2) return false;
  const top = measure.better === 'higher' ? Math.max(...values) : Math.min(...values);
  return measure.show(top) === measure.show(value);
}

function against(measure: Measure, value: number, base: Measures | undefined): Pick<Cell, 'change' | 'verdict'> {
  const from = finite(base?.[measure.name]);
  if (from === undefined || measure.show(from) === measure.show(value)) return { change: '', verdict: 'same' };
  const better = measure.better === 'higher' ? value > from : value < from;
  const verdict = better ? 'better' : 'worse';
  if (measure.name === 'accuracy') {
    const points = 100 * (value - from);
    return { change: `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)} points`, verdict };
  }
  if (from <= 0 || value <= 0) return { change: '', verdict };
  const ratio = Math.max(value / from, from / value);
  if (ratio < 1.05) return { change: '', verdict: 'same' };
  const words = { perplexity: ['lower', 'higher'], first_token_ms: ['faster', 'slower'] }[measure.name];
  const others = measure.name === 'size_bytes' ? ['smaller', 'larger'] : ['faster', 'slower'];
  return { change: `${number(ratio)} × ${(words ?? others)[better ? 0 : 1]}`, verdict };
}

const finite = (value: number | null | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
