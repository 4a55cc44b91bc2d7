/** The page: reads the scene, waits for a click, and lets everything run. */

import { makeApi } from "./api";
import { App } from "./app";
import { readDescription } from "./description";
import { notice } from "./notice";
import { byId, make } from "./panel/dom";

declare global {
  interface Window {
    auralize?: ReturnType<typeof makeApi>;
  }
}

function main(): void {
  const start = byId<HTMLButtonElement>("start");
  let app: App;
  try {
    const description = readDescription();
    byId("welcome-title").textContent = description.title;
    byId("title").textContent = description.title;
    const names = byId("welcome-players");
    for (const { name, color } of description.sources.slice(0, 12)) {
      const item = make("li", { dir: "auto" }, name);
      item.style.setProperty("--color", color);
      names.append(item);
    }
    const more = description.sources.length - 12;
    if (more > 0) names.append(make("li", { class: "more" }, `and ${more} more`));
    if (typeof AudioContext === "undefined" || typeof DecompressionStream === "undefined") {
      throw new Error("This browser is too old (it lacks WebAudio or DecompressionStream): take one of 2023 or newer.");
    }
    app = new App(description);
  } catch (error) {
    start.hidden = true;
    notice(error as Error);
    return;
  }
  window.auralize = makeApi(app);
  start.disabled = false;
  start.focus();
  start.addEventListener("click", () => {
    start.disabled = true;
    app.start().catch((error: Error) => {
      start.disabled = false;
      notice(error);
    });
  });
}

main();
