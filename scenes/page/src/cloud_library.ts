/** The clouds of all players, slot by slot: loaded ahead of time, and forgotten behind. */

import { type CloudSlot, unpackClouds } from "./clouds";
import { type Media, parts } from "./media";

const KEPT = 3;

export class CloudLibrary {
  /** Undefined while a slot is loaded. */
  private readonly slots = new Map<number, (CloudSlot | null)[] | undefined>();
  onError: (error: Error) => void = () => {};

  constructor(
    private readonly media: Media,
    private readonly count: number,
  ) {}

  /** Return a player's clouds, if they are here; else they will be soon. */
  get(slot: number, player: number): CloudSlot | null {
    this.want(slot);
    return this.slots.get(slot)?.[player] ?? null;
  }

  /** Load a slot, if it is not here. */
  want(slot: number): void {
    if (slot < 0 || slot >= this.count || this.slots.has(slot)) return;
    this.slots.set(slot, undefined);
    this.load(slot).then(
      (clouds) => {
        this.slots.set(slot, clouds);
        const far = [...this.slots.keys()].filter((key) => Math.abs(key - slot) >= KEPT);
        for (const key of far) this.slots.delete(key);
      },
      (error: Error) => this.onError(error),
    );
  }

  private async load(slot: number): Promise<(CloudSlot | null)[]> {
    return Promise.all(parts(await this.media.load(`clouds${slot}`)).map(unpackClouds));
  }
}
