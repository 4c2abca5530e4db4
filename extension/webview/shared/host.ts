// The extension, as a page in a webview sees it.

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** The way to the extension: messages of type `Out` go there, those of type `In` come; `State` survives a reload. */
export function connect<Out, In, State>(): {
  send: (message: Out) => void;
  listen: (listener: (message: In) => void) => void;
  state: () => State | undefined;
  remember: (state: State) => void;
} {
  const api = acquireVsCodeApi();
  return {
    send: (message) => api.postMessage(message),
    listen: (listener) => window.addEventListener('message', (event: MessageEvent<In>) => listener(event.data)),
    state: () => api.getState() as State | undefined,
    remember: (state) => api.setState(state),
  };
}
