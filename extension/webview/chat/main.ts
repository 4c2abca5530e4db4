// The page to try a model: fill in what it was trained to be asked, read what it answers.
import './style.css';
import type { ChatEvent, FromChat, Models, Side, ToChat } from '../../src/chat/messages';
import { nameOf } from '../../src/runs/words';
import { byId, h } from '../shared/dom';
import { connect } from '../shared/host';
import { timeOf } from '../shared/words';
import { fieldsOf, filled, hear, isOpen, type Answer, type Turn } from './turns';

interface State {
  runId: string;
  turns: Turn[];
  template?: string;
  draft: Record<string, string>;
  base: boolean;
  chat?: boolean;
  maxTokens: number;
  temperature: number;
}

const NAMES: Record<Side, string> = { result: 'After the run', base: 'Base model' };
const host = connect<FromChat, ToChat, State>();
const runId = document.body.dataset['run'] ?? '';
const fresh: State = { runId, turns: [], draft: {}, base: false, maxTokens: 128, temperature: 0 };
let state: State = { ...fresh, ...host.state() };
let models: Models | undefined;
/** What was said before it was known to whom it belongs. */
const early = new Map<number, ChatEvent[]>();
const loaded = new Set<Side>();
const drawn = new Map<string, { text: HTMLElement; note: HTMLElement; box: HTMLElement }>();

const template = byId<HTMLTextAreaElement>('template');
const base = byId<HTMLInputElement>('base');
const chat = byId<HTMLInputElement>('chat');
const maxTokens = byId<HTMLInputElement>('max-tokens');
const temperature = byId<HTMLInputElement>('temperature');
const send = byId<HTMLButtonElement>('send');
const stop = byId<HTMLButtonElement>('stop');
const turns = byId('turns');
const fields = byId('fields');

function remember(changes: Partial<State>): void {
  state = { ...state, ...changes };
  host.remember(state);
}

const current = (): string => state.template ?? (models?.template || '{prompt}');

function showFields(): void {
  const names = fieldsOf(current());
  if (fields.dataset['names'] === names.join()) return;
  fields.dataset['names'] = names.join();
  fields.replaceChildren(
    ...names.map((name) => {
      const id = `field-${name}`;
      const input = h('textarea', {
        id,
        rows: 2,
        'data-field': name,
        placeholder: `Write the ${name.replaceAll('_', ' ')} …`,
      });
      input.value = state.draft[name] ?? '';
      input.addEventListener('input', () => remember({ draft: { ...state.draft, [name]: input.value } }));
      input.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        byId<HTMLFormElement>('composer').requestSubmit();
      });
      return h('label', { for: id }, h('span', {}, name), input);
    }),
  );
}

function showControls(): void {
  const busy = state.turns.some(({ answers }) => Object.values(answers).some(isOpen));
  send.disabled = !models || busy;
  stop.disabled = !busy;
  byId<HTMLButtonElement>('clear').hidden = !state.turns.length || busy;
  byId('base-row').hidden = !models?.models.some(({ side }) => side === 'base');
}

function showAbout(): void {
  byId('title').replaceChildren(`Try ${nameOf(runId)} `, h('small', {}, timeOf(runId)));
  const result = models?.models.find(({ side }) => side === 'result');
  const words = result
    ? ['The model in ', h('code', { title: result.model }, result.model.split(/[\\/]/).slice(-2).join('/'))]
    : ['Looking for the model…'];
  byId('about').replaceChildren(...words, result ? ' runs on the machine where the files are.' : '');
}

function showTurns(): void {
  if (!state.turns.length) {
    drawn.clear();
    const hint = models?.template
      ? 'The model was trained on one form of text. Fill in what comes before its answer; the rest of the form is put around it.'
      : 'Ask it something.';
    turns.replaceChildren(h('p', { class: 'hint' }, hint));
    return;
  }
  if (turns.querySelector('.hint')) turns.replaceChildren();
  for (const turn of state.turns) if (!document.getElementById(`turn-${turn.turn}`)) turns.append(made(turn));
  const atEnd = turns.scrollTop + turns.clientHeight >= turns.scrollHeight - 60;
  for (const { turn, answers } of state.turns)
    for (const [side, answer] of Object.entries(answers) as [Side, Answer][]) draw(turn, side, answer);
  if (atEnd) turns.scrollTop = turns.scrollHeight;
}

function made({ turn, asked, answers }: Turn): HTMLElement {
  const names = Object.keys(asked);
  const question = names.map((name) => h('p', {}, names.length > 1 && h('b', {}, `${name}: `), asked[name]!));
  const boxes = (Object.keys(answers) as Side[]).map((side) => {
    const text = h('p', { class: 'text' });
    const note = h('p', { class: 'note' });
    const box = h('div', { class: `answer ${side}` }, h('h3', {}, NAMES[side]), text, note);
    drawn.set(`${turn} ${side}`, { text, note, box });
    return box;
  });
  const label = `Question ${turn + 1}`;
  return h(
    'article',
    { id: `turn-${turn}`, 'aria-label': label },
    h('div', { class: 'question' }, ...question),
    h('div', { class: 'answers' }, ...boxes),
  );
}

function draw(turn: number, side: Side, answer: Answer): void {
  const there = drawn.get(`${turn} ${side}`);
  if (!there) return;
  const waiting = loaded.has(side) ? 'Thinking…' : 'Loading the model…';
  if (there.text.textContent !== answer.text) there.text.textContent = answer.text;
  there.note.textContent = answer.state === 'waiting' ? waiting : answer.note;
  there.box.dataset['state'] = answer.state;
  there.box.setAttribute('aria-busy', String(isOpen(answer)));
}

function show(): void {
  showFields();
  showControls();
  showAbout();
  showTurns();
}

/** Change the answer of one side of a turn. */
function change(turn: number, side: Side, to: (answer: Answer) => Answer): void {
  const changed = state.turns.map((one) => {
    const answer = one.answers[side];
    return one.turn === turn && answer ? { ...one, answers: { ...one.answers, [side]: to(answer) } } : one;
  });
  remember({ turns: changed });
}

function take(event: ChatEvent): void {
  if (event.type === 'ready') {
    loaded.add(event.side);
    byId('chat-row').hidden = !event.template && !chat.checked;
    return;
  }
  const turn = state.turns.find(({ answers }) => answers[event.side]?.id === event.id);
  if (!turn) {
    early.set(event.id ?? 0, [...(early.get(event.id ?? 0) ?? []), event]);
    return;
  }
  loaded.add(event.side);
  change(turn.turn, event.side, (answer) => hear(answer, event));
  if (event.type === 'done') announce(turn.turn, event.side);
}

function announce(turn: number, side: Side): void {
  const answer = state.turns.find((one) => one.turn === turn)?.answers[side];
  if (answer) byId('status').textContent = `${NAMES[side]}: ${answer.text}. ${answer.note}`;
}

function ask(): void {
  const names = fieldsOf(current());
  const asked = Object.fromEntries(names.map((name) => [name, state.draft[name] ?? '']));
  if (send.disabled || (names.length && !Object.values(asked).some((value) => value.trim()))) return;
  const turn = (state.turns.at(-1)?.turn ?? -1) + 1;
  const sides: Side[] =
    base.checked && models?.models.some(({ side }) => side === 'base') ? ['result', 'base'] : ['result'];
  const waiting: Answer = { text: '', state: 'waiting', note: '' };
  const answers = Object.fromEntries(sides.map((side) => [side, waiting]));
  remember({ turns: [...state.turns, { turn, asked, answers }], draft: {} });
  fields.querySelectorAll('textarea').forEach((input) => (input.value = ''));
  for (const side of sides) {
    const prompt = filled(current(), asked);
    host.send({
      type: 'ask',
      turn,
      side,
      prompt,
      chat: chat.checked,
      maxTokens: state.maxTokens,
      temperature: state.temperature,
    });
  }
  show();
  turns.scrollTop = turns.scrollHeight;
}

host.listen((message) => {
  switch (message.type) {
    case 'models':
      models = message.models;
      template.value = current();
      chat.checked = state.chat ?? models.chat;
      break;
    case 'asked':
      change(message.turn, message.side, (answer) => ({ ...answer, id: message.id }));
      (early.get(message.id) ?? []).forEach(take);
      early.delete(message.id);
      break;
    case 'event':
      take(message.event);
      break;
    case 'refused':
      if (message.turn === null || message.side === null) byId('about').textContent = message.message;
      else change(message.turn, message.side, (answer) => ({ ...answer, state: 'error', note: message.message }));
      if (message.turn === null) return;
      break;
    case 'restarted':
      lose('The server was restarted before the answer was complete.');
      loaded.clear();
  }
  show();
});

/** End the answers that nobody works at any longer. */
function lose(note: string): void {
  for (const { turn, answers } of state.turns)
    for (const [side, answer] of Object.entries(answers) as [Side, Answer][])
      if (isOpen(answer)) change(turn, side, (open) => ({ ...open, state: 'error', note }));
}

base.checked = state.base;
maxTokens.value = String(state.maxTokens);
temperature.value = String(state.temperature);
base.addEventListener('change', () => remember({ base: base.checked }));
chat.addEventListener('change', () => remember({ chat: chat.checked }));
maxTokens.addEventListener(
  'change',
  () => maxTokens.validity.valid && remember({ maxTokens: maxTokens.valueAsNumber || 128 }),
);
temperature.addEventListener(
  'change',
  () => temperature.validity.valid && remember({ temperature: temperature.valueAsNumber || 0 }),
);
template.addEventListener('input', () => {
  remember({ template: template.value });
  showFields();
});
byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  ask();
});
stop.addEventListener('click', () => host.send({ type: 'stop' }));
byId('clear').addEventListener('click', () => {
  remember({ turns: [] });
  show();
  fields.querySelector('textarea')?.focus();
});
// A page that comes back has heard nothing of what went on meanwhile.
lose('The panel was closed before the answer was complete.');
remember({});
show();
host.send({ type: 'ready', runId });
