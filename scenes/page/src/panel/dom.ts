/** Elements of the page. Texts are only ever set as text. */

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Return minutes and seconds. */
export function clockTime(seconds: number): string {
  const whole = Math.floor(seconds + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function decibels(db: number): string {
  const text = Math.abs(db) < 0.05 ? "0" : Math.abs(db).toFixed(Number.isInteger(db) ? 0 : 1);
  return `${db > 0.05 ? "+" : db < -0.05 ? "−" : ""}${text} dB`;
}
