/** A player's clouds over time: unpacked slot by slot, and brought into rows of points. */

import type { CloudsDescription } from "./description";
import { inflate } from "./media";

/** A row that goes further than this between two clouds is another point, and does not glide. */
const TRAVELS_M = 0.3;
/** Points glide from cloud to cloud, but no longer than this. */
const GLIDES_S = 0.6;

/** See scenes/export/web/cloud_slots.py. */
interface CloudSlot {
  timesS: Float32Array;
  added: Uint32Array;
  removed: Uint32Array;
  rows: Uint16Array;
  places: Int16Array;
  colors: Uint8Array;
  lost: Uint16Array;
}

export async function unpackClouds(packed: Uint8Array<ArrayBuffer>): Promise<CloudSlot | null> {
  if (packed.length === 0) return null;
  const data = await inflate(packed);
  const count = new Uint32Array(data, 0, 1)[0];
  const timesS = new Float32Array(data, 4, count);
  const added = new Uint32Array(data, 4 + 4 * count, count);
  const removed = new Uint32Array(data, 4 + 8 * count, count);
  const sum = (numbers: Uint32Array): number => numbers.reduce((total, number) => total + number, 0);
  const total = sum(added);
  const vanished = sum(removed);
  const bytes = new Uint8Array(data, 4 + 12 * count);
  const places = new Int16Array(3 * total);
  const colors = new Uint8Array(3 * total);
  for (let i = 0; i < total; i++) {
    for (let axis = 0; axis < 3; axis++) {
      places[3 * i + axis] = bytes[(2 + 2 * axis) * total + i] | (bytes[(3 + 2 * axis) * total + i] << 8);
      colors[3 * i + axis] = bytes[(8 + axis) * total + i];
    }
  }
  return {
    timesS,
    added,
    removed,
    rows: numbers(bytes, 0, total, added),
    places,
    colors,
    lost: numbers(bytes, 11 * total, vanished, removed),
  };
}

/** Return row numbers from the steps between them, which begin again with each cloud. */
function numbers(bytes: Uint8Array, start: number, count: number, groups: Uint32Array): Uint16Array {
  const rows = new Uint16Array(count);
  let at = 0;
  for (const group of groups) {
    let row = 0;
    for (const end = at + group; at < end; at++) {
      row += bytes[start + at] | (bytes[start + count + at] << 8);
      rows[at] = row;
    }
  }
  return rows;
}

/** The points of a player now, and on their way to the next cloud. */
export class CloudRows {
  /** x, y, z in steps, and 1 where there is a point: now, and in the cloud that comes next. */
  readonly from: Int16Array;
  readonly to: Int16Array;
  readonly colors: Uint8Array;
  /** How far the way from `from` to `to` is gone, 0 to 1. */
  mixing = 0;
  private slot = -1;
  /** The cloud of the slot that `to` holds. */
  private cloud = -1;
  private at = 0;
  private lostAt = 0;
  /** When the cloud before that was seen, and when the last cloud of the slot before. */
  private previousS = 0;
  private lastS = 0;
  private readonly travels: number;

  constructor(description: CloudsDescription) {
    this.from = new Int16Array(4 * description.rows);
    this.to = new Int16Array(4 * description.rows);
    this.colors = new Uint8Array(4 * description.rows).fill(255);
    this.travels = TRAVELS_M / description.stepM;
  }

  /** Bring the rows to a time; returns whether they changed. */
  show(timeS: number, slot: number, slots: (slot: number) => CloudSlot | null): boolean {
    const clouds = slots(slot);
    if (!clouds) return this.clear();
    const before = slot === this.slot + 1 ? slots(this.slot) : null;
    const isNext = before !== null && this.cloud === before.timesS.length - 1;
    let changed = false;
    if (slot !== this.slot && !isNext) changed = this.clear();
    else if (slot === this.slot && this.cloud > 0 && timeS < this.previousS) changed = this.clear();
    if (slot !== this.slot) {
      this.slot = slot;
      this.lastS = isNext ? before.timesS[before.timesS.length - 1] : clouds.timesS[0];
      this.cloud = -1;
      this.at = 0;
      this.lostAt = 0;
    }
    // `to` holds the first cloud after the time, where there is one.
    while (this.cloud < 0 || (clouds.timesS[this.cloud] <= timeS && this.cloud + 1 < clouds.timesS.length)) {
      this.advance(clouds);
      changed = true;
    }
    const nextS = clouds.timesS[this.cloud];
    const spanS = Math.min(Math.max(nextS - this.previousS, 1e-6), GLIDES_S);
    this.mixing = Math.min(Math.max((timeS - (nextS - spanS)) / spanS, 0), 1);
    return changed;
  }

  private clear(): boolean {
    if (this.slot < 0) return false;
    this.slot = -1;
    this.from.fill(0);
    this.to.fill(0);
    return true;
  }

  private advance(clouds: CloudSlot): void {
    const isWhole = this.cloud < 0;
    const { from, to, colors, travels } = this;
    this.previousS = isWhole ? this.lastS : clouds.timesS[this.cloud];
    this.cloud++;
    from.set(to);
    // A whole cloud names all its rows; what it does not name is gone.
    if (isWhole) for (let i = 3; i < to.length; i += 4) to[i] = 0;
    for (const end = this.at + clouds.added[this.cloud]; this.at < end; this.at++) {
      const row = 4 * clouds.rows[this.at];
      let way = 0;
      for (let axis = 0; axis < 3; axis++) {
        const place = clouds.places[3 * this.at + axis];
        way = Math.max(way, Math.abs(place - from[row + axis]));
        to[row + axis] = place;
        colors[row + axis] = clouds.colors[3 * this.at + axis];
      }
      to[row + 3] = 1;
      if (from[row + 3] === 0 || way > travels) {
        for (let axis = 0; axis < 3; axis++) from[row + axis] = to[row + axis];
        from[row + 3] = isWhole ? 1 : 0;
      }
    }
    for (const end = this.lostAt + clouds.removed[this.cloud]; this.lostAt < end; this.lostAt++) {
      to[4 * clouds.lost[this.lostAt] + 3] = 0;
    }
  }
}

export type { CloudSlot };
