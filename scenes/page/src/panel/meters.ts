/** Levels of what sounds: of each player, and at both ears. */

import type { Scenery } from "../scenery";
import { byId } from "./dom";

const LOWEST_DB = -54;
const FALL = 0.86;

export class Meters {
  private readonly samples = new Float32Array(1024);
  private readonly ears = [byId("meter-left"), byId("meter-right")];
  private readonly shown = [0, 0];

  constructor(private readonly scenery: Scenery) {}

  update(): void {
    const { graph, players } = this.scenery;
    if (!graph) return;
    for (const player of players) {
      const { meter } = graph.strips[player.index];
      const level = this.scenery.playback?.state === "playing" ? this.level(meter) : 0;
      player.meter = Math.max(level, player.meter * FALL);
    }
    graph.meters.forEach((meter, ear) => {
      this.shown[ear] = Math.max(this.level(meter), this.shown[ear] * FALL);
      this.ears[ear].style.transform = `scaleX(${this.shown[ear].toFixed(3)})`;
    });
  }

  private level(meter: AnalyserNode): number {
    meter.getFloatTimeDomainData(this.samples);
    let peak = 0;
    for (const sample of this.samples) peak = Math.max(peak, Math.abs(sample));
    const db = 20 * Math.log10(Math.max(peak, 1e-9));
    return Math.min(Math.max(1 - db / LOWEST_DB, 0), 1);
  }
}
