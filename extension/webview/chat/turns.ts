// A conversation as data: what was asked, and what each model has said so far.
import type { ChatEvent, Side } from '../../src/chat/messages';

export interface Answer {
  id?: number;
  text: string;
  state: 'waiting' | 'answering' | 'done' | 'error';
  /** Figures of an answer that is done, or what went wrong. */
  note: string;
}

export interface Turn {
  turn: number;
  /** What the person filled in. */
  asked: Record<string, string>;
  answers: Partial<Record<Side, Answer>>;
}

export const isOpen = (answer: Answer): boolean => answer.state === 'waiting' || answer.state === 'answering';

/** A template with its fields filled in; other braces stay as they are. */
export function filled(template: string, values: Record<string, string>): string {
  return template.replace(/\{([^{}]*)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? values[name]! : whole,
  );
}

/** The names in braces in a template, each once. */
export const fieldsOf = (template: string): string[] => [
  ...new Set([...template.matchAll(/\{([A-Za-z_]\w*)\}/g)].map(([, name]) => name!)),
];

/** An answer after the next thing a model has said. */
export function hear(answer: Answer, event: ChatEvent): Answer {
  switch (event.type) {
    case 'token':
      return { ...answer, state: 'answering', text: answer.text + event.text };
    case 'done':
      return { ...answer, state: 'done', note: figures(event) };
    case 'error':
      return { ...answer, state: 'error', note: event.message };
    default:
      return answer;
  }
}

const REASONS = { end: '', length: 'longest answer reached', stopped: 'stopped' };

function figures(event: ChatEvent & { type: 'done' }): string {
  const { tokens, tokens_per_second: speed, first_token_ms: first, reason } = event;
  const parts = [
    `${tokens} token${tokens === 1 ? '' : 's'}`,
    speed === null ? '' : `${speed < 10 ? speed.toFixed(1) : Math.round(speed)} tokens/s`,
    first === null ? '' : `first token after ${Math.round(first)} ms`,
    REASONS[reason],
  ];
  return parts.filter(Boolean).join(' · ');
}
