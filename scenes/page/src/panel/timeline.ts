/** The timeline: when each player plays, where the scene is, and the way to any other time. */

import type { Scenery } from "../scenery";
import { byId, clockTime } from "./dom";

const LEVELS_A_SECOND = 5;
const STEP_S = 1;
const SCRUB_MS = 90;

export class Timeline {
  private readonly element = byId("timeline");
  private readonly canvas = byId<HTMLCanvasElement>("lanes");
  private readonly head = byId("playhead");
  private readonly now = byId("time-now");
  private wanted: number | null = null;
  private lastSeek = 0;

  constructor(
    private readonly scenery: Scenery,
    private readonly durationS: number,
  ) {
    byId("time-all").textContent = clockTime(durationS);
    this.element.setAttribute("aria-valuemax", durationS.toFixed(1));
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.scrub(event, true);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.wanted !== null) this.scrub(event, false);
    });
    for (const end of ["pointerup", "pointercancel"] as const) {
      this.element.addEventListener(end, () => {
        if (this.wanted !== null) this.scenery.playback?.seek(this.wanted);
        this.wanted = null;
      });
    }
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  update(): void {
    const timeS = this.wanted ?? this.scenery.timeS;
    this.head.style.left = `${(100 * timeS) / this.durationS}%`;
    const text = clockTime(timeS);
    if (this.now.textContent !== text) {
      this.now.textContent = text;
      this.element.setAttribute("aria-valuenow", timeS.toFixed(1));
      this.element.setAttribute("aria-valuetext", `${text} of ${clockTime(this.durationS)}`);
    }
  }

  /** Draw who plays when. */
  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = window.devicePixelRatio;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    if (!pen || width === 0) return;
    pen.scale(scale, scale);
    const { players, heard } = this.scenery;
    const lane = height / players.length;
    players.forEach((player, index) => {
      pen.fillStyle = player.description.color;
      pen.globalAlpha = heard[index] ? 0.75 : 0.18;
      const middle = (index + 0.5) * lane;
      const step = Math.max(1, Math.round(width / 400));
      for (let x = 0; x < width; x += step + 0.6) {
        const first = Math.floor((x / width) * this.durationS * LEVELS_A_SECOND);
        const last = Math.ceil(((x + step) / width) * this.durationS * LEVELS_A_SECOND);
        const loudest = Math.max(0, ...player.loudness.subarray(first, Math.max(last, first + 1)));
        const tall = Math.max((loudest / 255) ** 1.5 * lane * 0.86, loudest > 0 ? 1 : 0);
        pen.fillRect(x, middle - tall / 2, step, tall);
      }
    });
  }

  private scrub(event: PointerEvent, isFirst: boolean): void {
    const box = this.element.getBoundingClientRect();
    const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    this.wanted = part * this.durationS;
    if (isFirst || event.timeStamp - this.lastSeek > SCRUB_MS) {
      this.lastSeek = event.timeStamp;
      this.scenery.playback?.seek(this.wanted);
    }
  }

  private key(event: KeyboardEvent): void {
    const { playback } = this.scenery;
    if (!playback) return;
    const steps: Record<string, number> = {
      ArrowLeft: -STEP_S,
      ArrowDown: -STEP_S,
      ArrowRight: STEP_S,
      ArrowUp: STEP_S,
      PageDown: -10 * STEP_S,
      PageUp: 10 * STEP_S,
    };
    if (event.key === "Home") playback.seek(0);
    else if (event.key === "End") playback.seek(this.durationS);
    else if (steps[event.key]) playback.seek(playback.timeS + steps[event.key]);
    else return;
    event.preventDefault();
  }
}
