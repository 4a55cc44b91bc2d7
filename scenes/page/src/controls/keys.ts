/** Keys: held ones walk and turn, pressed ones do the rest. */

import { GAIN_DB } from "../player";
import type { Scenery } from "../scenery";

const METRES_A_SECOND = 1.4;
const RADIANS_A_SECOND = 1.5;
const STEP_S = 5;

export interface Commands {
  toggleView(): void;
  toggleLoop(): void;
  toggleHelp(): void;
}

/** What is listed in the help; the first word of each is keys. */
export const KEY_HELP: readonly [string, string][] = [
  ["Space", "play or pause"],
  ["W A S D", "walk"],
  ["← → or Q E", "turn the head"],
  ["↑ ↓", "look up and down"],
  ["J L", "five seconds back, on"],
  ["Home", "to the start"],
  ["1 … 9", "mute a player, or let it sound again"],
  ["Shift 1 … 9", "hear a player alone, or all again"],
  ["+ −", "the selected player louder, softer"],
  ["V", "from inside or from outside"],
  ["O", "play over and over"],
  ["R", "all back to where they were"],
  ["?", "this list"],
];

export class Keys {
  private readonly held = new Set<string>();

  constructor(
    private readonly scenery: Scenery,
    private readonly commands: Commands,
  ) {
    window.addEventListener("keydown", (event) => this.down(event));
    window.addEventListener("keyup", (event) => this.held.delete(event.code));
    window.addEventListener("blur", () => this.held.clear());
  }

  /** Walk and turn for as long as keys are held. */
  update(seconds: number): void {
    if (this.held.size === 0) return;
    const along = (more: string[], less: string[]): number =>
      Number(more.some((code) => this.held.has(code))) - Number(less.some((code) => this.held.has(code)));
    const front = along(["KeyW"], ["KeyS"]);
    const right = along(["KeyD"], ["KeyA"]);
    const left = along(["KeyQ", "ArrowLeft"], ["KeyE", "ArrowRight"]);
    const up = along(["ArrowUp"], ["ArrowDown"]);
    const fast = this.held.has("ShiftLeft") || this.held.has("ShiftRight") ? 2.5 : 1;
    const { listener } = this.scenery;
    if (front || right) {
      const metres = (METRES_A_SECOND * fast * seconds) / Math.hypot(front, right);
      listener.walk(right * metres, front * metres);
    }
    if (left || up) listener.look(left * RADIANS_A_SECOND * seconds, up * RADIANS_A_SECOND * seconds * 0.6);
  }

  private down(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.scenery.playback) return;
    const target = event.target as HTMLElement;
    const takesArrows = target.matches("input, [role=slider], [role=application]");
    const isArrow = event.code.startsWith("Arrow");
    if (target.closest("dialog[open]") || (takesArrows && (isArrow || event.code === "Home"))) return;
    if (event.code === "Space" && target.matches("button, summary")) return;
    if (/^(Key[WASDQE]|Arrow.*|Shift.*)$/.test(event.code)) {
      this.held.add(event.code);
      if (isArrow) event.preventDefault();
      return;
    }
    if (this.pressed(event)) event.preventDefault();
  }

  private pressed(event: KeyboardEvent): boolean {
    const { scenery, commands } = this;
    const { playback } = scenery;
    if (!playback) return false;
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (digit) {
      const player = scenery.players[Number(digit[1]) - 1];
      if (!player) return false;
      if (event.shiftKey) player.solo = !player.solo;
      else player.mute = !player.mute;
      scenery.mixed();
      return true;
    }
    switch (event.key.toLowerCase()) {
      case " ":
        playback.toggle();
        return true;
      case "j":
        playback.seek(playback.timeS - STEP_S);
        return true;
      case "l":
        playback.seek(playback.timeS + STEP_S);
        return true;
      case "home":
        playback.seek(0);
        return true;
      case "v":
        commands.toggleView();
        return true;
      case "o":
        commands.toggleLoop();
        return true;
      case "r":
        scenery.reset();
        return true;
      case "?":
      case "h":
        commands.toggleHelp();
        return true;
      case "+":
      case "=":
        return this.louder(1);
      case "-":
        return this.louder(-1);
      default:
        return false;
    }
  }

  private louder(db: number): boolean {
    const { selected, players } = this.scenery;
    if (typeof selected !== "number") return false;
    const player = players[selected];
    player.gainDb = Math.min(Math.max(player.gainDb + db, GAIN_DB.lowest), GAIN_DB.highest);
    this.scenery.mixed();
    return true;
  }
}
