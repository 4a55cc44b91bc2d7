/**
 * Stems, slot by slot: decoded, cut to the sample, and faded into each other.
 *
 * Each slot was encoded with some sound of its neighbours on both sides. What is played of it is the
 * slot and 5 ms more on either side, over which it fades; two slots always add up to the stem.
 */

import type { Description } from "../description";
import { fromBase64, type Media, parts } from "../media";

/** Half of a fade between slots, in samples. */
export const HALF_FADE = 240;

const KEPT = 3;

/** One buffer for each stem, from HALF_FADE samples before the slot on; null where it is silent. */
export type Slot = (AudioBuffer | null)[];

export class Stems {
  readonly count: number;
  private readonly slots = new Map<number, Promise<Slot>>();
  private readonly ready = new Set<number>();
  private decoderDelay: Promise<number> | null = null;

  constructor(
    private readonly description: Description,
    private readonly media: Media,
  ) {
    this.count = Math.ceil(description.durationSamples / description.slotSamples);
  }

  isReady(slot: number): boolean {
    return this.ready.has(slot);
  }

  /** Return a decoded slot; those that were used last are kept. */
  slot(slot: number): Promise<Slot> {
    const known = this.slots.get(slot);
    if (known) {
      this.slots.delete(slot);
      this.slots.set(slot, known);
      return known;
    }
    const asked = this.load(slot);
    this.slots.set(slot, asked);
    asked.then(
      () => this.ready.add(slot),
      () => this.slots.delete(slot),
    );
    for (const old of [...this.slots.keys()].slice(0, -KEPT)) {
      this.slots.delete(old);
      this.ready.delete(old);
    }
    return asked;
  }

  private async load(slot: number): Promise<Slot> {
    this.decoderDelay ??= this.measureDelay();
    const stems = parts(await this.media.load(`sound${slot}`));
    const delay = await this.decoderDelay;
    const isFirst = slot === 0;
    return Promise.all(
      stems.map(async (mp3) => (mp3.length === 0 ? null : this.cut(await this.decode(mp3), delay, isFirst))),
    );
  }

  /** Decode at the stems' own rate, whatever the rate of the device is. */
  private decode(mp3: Uint8Array<ArrayBuffer>): Promise<AudioBuffer> {
    const context = new OfflineAudioContext(1, 1, this.description.rateHz);
    return context.decodeAudioData(mp3.slice().buffer);
  }

  private async measureDelay(): Promise<number> {
    const { impulse, mp3 } = this.description.probe;
    const decoded = (await this.decode(fromBase64(mp3))).getChannelData(0);
    let largest = 0;
    decoded.forEach((sample, index) => {
      if (Math.abs(sample) > Math.abs(decoded[largest])) largest = index;
    });
    return largest - impulse;
  }

  private cut(decoded: AudioBuffer, delay: number, isFirst: boolean): AudioBuffer {
    const { rateHz, slotSamples, leadSamples } = this.description;
    const length = slotSamples + 2 * HALF_FADE;
    const buffer = new AudioBuffer({ length, sampleRate: rateHz });
    const samples = buffer.getChannelData(0);
    const start = Math.max(0, leadSamples - HALF_FADE + delay);
    samples.set(decoded.getChannelData(0).subarray(start, start + length));
    for (let i = 0; i < 2 * HALF_FADE; i++) {
      const gain = (i + 0.5) / (2 * HALF_FADE);
      if (!isFirst) samples[i] *= gain;
      samples[length - 1 - i] *= gain;
    }
    return buffer;
  }
}
