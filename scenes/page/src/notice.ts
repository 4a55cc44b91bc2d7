/** One line for people: what is wrong, and what to do. */

import { byId } from "./panel/dom";

export function notice(error: Error): void {
  byId("notice-text").textContent = error.message;
  byId("notice").hidden = false;
}
