// What the page to try a model and the extension tell each other. Imported by both sides.

export type Side = 'result' | 'base';

/** The answer to `olivine.chatModels`. */
export interface Models {
  runId: string;
  models: { side: Side; model: string }[];
  template: string;
  fields: string[];
  chat: boolean;
}

/** `olivine/chatToken`. */
export type ChatEvent = { runId: string; side: Side; id?: number } & (
  | { type: 'ready'; model: string; kind: string; template: boolean }
  | { type: 'token'; text: string }
  | { type: 'done'; tokens: number; tokens_per_second: number | null; first_token_ms: number | null; reason: 'end' | 'length' | 'stopped' }
  | { type: 'error'; message: string }
); // prettier-ignore

export interface Ask {
  type: 'ask';
  turn: number;
  side: Side;
  prompt: string;
  chat: boolean;
  maxTokens: number;
  temperature: number;
}

export type FromChat = { type: 'ready'; runId: string } | { type: 'stop' } | Ask;

export type ToChat =
  | { type: 'models'; models: Models }
  /** The answer of a side in a turn will bear this id. */
  | { type: 'asked'; turn: number; side: Side; id: number }
  | { type: 'refused'; turn: number | null; side: Side | null; message: string }
  | { type: 'event'; event: ChatEvent }
  /** The server is another: what was being answered is lost. */
  | { type: 'restarted' };
