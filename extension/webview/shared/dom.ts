// Making elements. Text only ever becomes text: nothing here parses HTML.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** An element with attributes, listeners (`onclick`) and children; false and null leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Replaces what an element holds when what it is made from has changed, so that focus and selection stay otherwise. */
export function keep(element: HTMLElement): (made: unknown, make: () => Child[]) => void {
  let before: string | undefined;
  return (made, make) => {
    const now = JSON.stringify(made);
    if (now === before) return;
    before = now;
    const focused = document.activeElement;
    const name = focused && element.contains(focused) ? focused.getAttribute('data-focus') : null;
    element.replaceChildren(...make().filter((child): child is Node | string => !!child));
    if (name) element.querySelector<HTMLElement>(`[data-focus="${CSS.escape(name)}"]`)?.focus();
  };
}

/** A button that keeps the focus when it is made anew. */
export function button(label: string, action: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const named = attributes['aria-label'] ?? label;
  return h('button', { type: 'button', onclick: action, 'data-focus': String(named), ...attributes }, label);
}

/** An element of the page by its id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`There is no #${id}.`);
  return found as T;
}
