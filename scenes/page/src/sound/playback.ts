/**
 * Playing: all stems of a slot start at one time of the audio clock, and slot follows slot to the
 * sample. Seeking stops all and starts all.
 */

import { Vector3 } from "three";
import type { Description } from "../description";
import type { Player } from "../player";
import type { SoundGraph } from "./graph";
import type { Key } from "./spatial";
import { HALF_FADE, type Slot, type Stems } from "./stems";

const AHEAD_S = 4;
const START_S = 0.06;
const STOP_S = 0.03;
const TICK_MS = 100;

export type PlayState = "paused" | "loading" | "playing";

export class Playback {
  state: PlayState = "paused";
  readonly durationS: number;
  onChange: () => void = () => {};
  onError: (error: Error) => void = () => {};
  private looping = false;
  private readonly slotS: number;
  /** The scene's time at which it was started, and the audio clock's. */
  private fromS = 0;
  private startS = 0;
  /** Slots are counted on through all rounds of a loop. */
  private next = 0;
  private run = 0;
  private readonly voices = new Map<AudioBufferSourceNode, number>();

  constructor(
    private readonly graph: SoundGraph,
    private readonly stems: Stems,
    private readonly players: readonly Player[],
    private readonly description: Description,
  ) {
    this.durationS = description.durationSamples / description.rateHz;
    this.slotS = description.slotSamples / description.rateHz;
    setInterval(() => this.tick(), TICK_MS);
  }

  /** The scene's time that is heard, or would be. */
  get timeS(): number {
    if (this.state !== "playing") return this.fromS;
    const late = (this.graph.context as AudioContext).outputLatency || 0;
    const since = Math.max(0, this.graph.context.currentTime - late - this.startS);
    const time = this.fromS + since;
    return this.loop ? time % this.durationS : Math.min(time, this.durationS);
  }

  get loop(): boolean {
    return this.looping;
  }

  set loop(on: boolean) {
    const time = this.timeS;
    // Only where the next round was planned or has begun is anything to be planned again.
    const isOver = this.next > this.stems.count;
    this.looping = on;
    if (this.state === "playing" && isOver) void this.begin(time);
    this.onChange();
  }

  toggle(): void {
    if (this.state === "paused") void this.play();
    else this.pause();
  }

  play(): Promise<void> {
    const ended = this.fromS >= this.durationS - 0.01;
    return this.begin(ended ? 0 : this.fromS);
  }

  pause(): void {
    const time = this.timeS;
    this.stop();
    this.fromS = time;
    this.state = "paused";
    this.onChange();
  }

  /** Go to a time of the scene with all stems together. */
  seek(timeS: number): void {
    const time = Math.min(Math.max(timeS, 0), this.durationS);
    if (this.state === "paused") {
      this.fromS = time;
      this.placeAll(time);
      this.onChange();
    } else void this.begin(time);
  }

  /** Plan the way of a player again who was dragged. */
  moved(player: Player): void {
    const now = this.graph.context.currentTime;
    const { spatial } = this.graph.strips[player.index];
    if (!player.path.moves || this.state !== "playing") {
      spatial.put(player.position(this.timeS, new Vector3()), now);
      return;
    }
    const soonS = now + 0.05;
    const rawS = this.fromS + (soonS - this.startS);
    const timeS = this.loop ? rawS % this.durationS : Math.min(rawS, this.durationS);
    spatial.put(player.position(timeS, new Vector3()), now);
    spatial.follow(wayKeys(player, timeS, this.durationS, soonS));
  }

  private async begin(timeS: number): Promise<void> {
    this.stop();
    const run = ++this.run;
    this.fromS = timeS;
    this.state = "loading";
    this.onChange();
    const slot = Math.min(Math.floor(timeS / this.slotS), this.stems.count - 1);
    let stems: Slot;
    try {
      stems = await this.stems.slot(slot);
    } catch (error) {
      if (run === this.run) this.fail(error as Error);
      return;
    }
    if (run !== this.run) return;
    const { context } = this.graph;
    const rate = this.description.rateHz;
    this.startS = Math.ceil((context.currentTime + START_S) * rate) / rate;
    this.next = slot;
    this.graph.bus.gain.cancelScheduledValues(0);
    this.graph.bus.gain.setValueAtTime(1, this.startS - 2 / rate);
    this.placeAll(timeS);
    this.state = "playing";
    this.schedule(stems);
    this.tick();
    this.onChange();
  }

  private stop(): void {
    this.run++;
    const now = this.graph.context.currentTime;
    this.graph.bus.gain.cancelScheduledValues(0);
    this.graph.bus.gain.setTargetAtTime(0, now, STOP_S / 6);
    for (const voice of this.voices.keys()) voice.stop(now + STOP_S);
    this.voices.clear();
  }

  private fail(error: Error): void {
    this.state = "paused";
    this.onError(error);
    this.onChange();
  }

  private tick(): void {
    if (this.state !== "playing") return;
    const { context } = this.graph;
    const now = context.currentTime;
    for (const [voice, end] of this.voices) if (end < now) this.voices.delete(voice);
    if (!this.loop && this.fromS + (now - this.startS) >= this.durationS + 0.05) {
      this.stop();
      this.fromS = this.durationS;
      this.state = "paused";
      this.onChange();
      return;
    }
    const { slot, contextS } = this.due();
    if (slot < 0 || contextS - now > AHEAD_S) return;
    const run = this.run;
    if (this.stems.isReady(slot)) {
      const { next } = this;
      void this.stems.slot(slot).then((stems) => {
        if (run === this.run && next === this.next) this.schedule(stems);
      });
    } else {
      this.stems.slot(slot).catch((error: Error) => {
        if (run === this.run) {
          this.stop();
          this.fail(error);
        }
      });
      // It did not come in time: wait there, silent, instead of skipping it.
      if (contextS - now < 0.05) void this.begin(slot * this.slotS);
    }
  }

  /** Return which slot comes next and when; −1 after the last. */
  private due(): { slot: number; contextS: number; round: number } {
    const { count } = this.stems;
    const round = Math.floor(this.next / count);
    const slot = this.next % count;
    const contextS = this.startS + round * this.durationS + slot * this.slotS - this.fromS;
    return { slot: round > 0 && !this.loop ? -1 : slot, contextS, round };
  }

  private schedule(stems: Slot): void {
    const { slot, contextS, round } = this.due();
    if (slot < 0) return;
    const from = round === 0 ? Math.max(this.fromS, slot * this.slotS) : slot * this.slotS;
    const until = Math.min((slot + 1) * this.slotS, this.durationS);
    const started = startSlot(this.graph, stems, {
      contextS: contextS + (from - slot * this.slotS),
      intoS: from - slot * this.slotS,
      isContinued: from === slot * this.slotS && this.next > 0 && contextS > this.startS,
      rateHz: this.description.rateHz,
    });
    for (const voice of started) this.voices.set(voice, contextS + this.slotS + 0.1);
    for (const player of this.players) {
      if (!player.path.moves) continue;
      const keys = wayKeys(player, from, until, contextS + (from - slot * this.slotS));
      this.graph.strips[player.index].spatial.follow(keys);
    }
    this.next++;
    const after = this.next % this.stems.count;
    void this.stems.slot(after).catch(() => {});
  }

  private placeAll(timeS: number): void {
    const now = this.graph.context.currentTime;
    const place = new Vector3();
    for (const player of this.players) {
      this.graph.strips[player.index].spatial.put(player.position(timeS, place), now);
    }
  }
}

/** Return the way of a player from a time of the scene to another, beginning at a time of the audio clock. */
export function wayKeys(player: Player, fromS: number, untilS: number, contextS: number): Key[] {
  const times = [fromS, ...player.path.timesS.filter((time) => time > fromS && time < untilS), untilS];
  return times.map((time) => ({
    contextS: contextS + (time - fromS),
    position: player.position(time, new Vector3()),
  }));
}

/** Start all stems of a slot at one time of the audio clock. */
export function startSlot(
  graph: SoundGraph,
  stems: Slot,
  when: { contextS: number; intoS: number; isContinued: boolean; rateHz: number },
): AudioBufferSourceNode[] {
  const fadeS = HALF_FADE / when.rateHz;
  // What follows another slot begins with the fade; what is begun with begins where it is asked.
  const contextS = when.isContinued ? when.contextS - fadeS : when.contextS;
  const into = when.isContinued ? 0 : when.intoS + fadeS;
  return stems.flatMap((buffer, index) => {
    if (!buffer) return [];
    const voice = new AudioBufferSourceNode(graph.context, { buffer });
    voice.connect(graph.strips[index].fader);
    voice.start(contextS, into);
    return [voice];
  });
}
