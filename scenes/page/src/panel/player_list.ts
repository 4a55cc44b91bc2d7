/** The players: who they are, how loud they are now, and how they are mixed. */

import { GAIN_DB, type Player } from "../player";
import type { Scenery } from "../scenery";
import { byId, decibels, make } from "./dom";

interface Row {
  item: HTMLLIElement;
  solo: HTMLButtonElement;
  mute: HTMLButtonElement;
  gain: HTMLInputElement;
  shown: HTMLOutputElement;
  meter: HTMLElement;
}

export class PlayerList {
  private readonly rows: Row[];

  constructor(private readonly scenery: Scenery) {
    const list = byId("player-list");
    this.rows = scenery.players.map((player) => this.row(player));
    list.append(...this.rows.map((row) => row.item));
  }

  /** Show what was changed. */
  update(): void {
    const { players, heard, selected } = this.scenery;
    this.rows.forEach(({ item, solo, mute, gain, shown }, index) => {
      const player = players[index];
      item.classList.toggle("silent", !heard[index]);
      item.classList.toggle("selected", selected === index);
      solo.setAttribute("aria-pressed", String(player.solo));
      mute.setAttribute("aria-pressed", String(player.mute));
      gain.value = String(player.gainDb);
      const part = (player.gainDb - GAIN_DB.lowest) / (GAIN_DB.highest - GAIN_DB.lowest);
      gain.style.setProperty("--part", `${100 * part}%`);
      gain.setAttribute("aria-valuetext", decibels(player.gainDb));
      shown.value = decibels(player.gainDb);
    });
  }

  /** Show how loud each is now. */
  measure(): void {
    this.rows.forEach(({ meter }, index) => {
      meter.style.transform = `scaleX(${this.scenery.players[index].meter.toFixed(3)})`;
    });
  }

  private row(player: Player): Row {
    const { scenery } = this;
    const { name, instrument, color } = player.description;
    const toggle = (word: string, letter: string, act: () => void): HTMLButtonElement => {
      const button = make(
        "button",
        { type: "button", class: word.toLowerCase(), "aria-pressed": "false", "aria-label": `${word} ${name}`, title: word },
        letter,
      );
      button.addEventListener("click", () => {
        act();
        scenery.mixed();
      });
      return button;
    };
    const solo = toggle("Solo", "S", () => {
      player.solo = !player.solo;
    });
    const mute = toggle("Mute", "M", () => {
      player.mute = !player.mute;
    });
    const gain = make("input", {
      type: "range",
      min: String(GAIN_DB.lowest),
      max: String(GAIN_DB.highest),
      step: "0.5",
      value: "0",
      "aria-label": `Gain of ${name}`,
      title: "Gain; a double click sets it back to 0 dB",
    });
    gain.addEventListener("input", () => {
      player.gainDb = Number(gain.value);
      scenery.mixed();
    });
    gain.addEventListener("dblclick", () => {
      player.gainDb = 0;
      scenery.mixed();
    });
    const shown = make("output", { "aria-hidden": "true" });
    const meter = make("span", {});
    const words = make("div", { class: "who" }, make("b", { dir: "auto" }, name));
    if (instrument) words.append(make("small", { dir: "auto" }, instrument.replaceAll("_", " ")));
    const item = make(
      "li",
      {},
      make("i", { class: "dot" }),
      words,
      make("div", { class: "switches" }, solo, mute),
      make("div", { class: "level" }, gain, shown),
      make("div", { class: "meter", "aria-hidden": "true" }, meter),
    );
    item.style.setProperty("--color", color);
    item.addEventListener("pointerdown", () => scenery.select(player.index));
    item.addEventListener("focusin", () => scenery.select(player.index));
    item.addEventListener("pointerenter", () => {
      if (scenery.stage) scenery.stage.pointed = player.index;
    });
    item.addEventListener("pointerleave", () => {
      if (scenery.stage) scenery.stage.pointed = null;
    });
    return { item, solo, mute, gain, shown, meter };
  }
}
