/** Where something is and how it is turned over time. */

import { Quaternion, Vector3 } from "three";
import type { PathDescription } from "./description";

export class Path {
  readonly moves: boolean;
  private readonly from = new Quaternion();

  constructor(private readonly keys: PathDescription) {
    this.moves = keys.timesS.length > 1;
  }

  get timesS(): readonly number[] {
    return this.keys.timesS;
  }

  /** Put the position at a time into `out`: straight lines between keys; the ends hold. */
  position(timeS: number, out: Vector3): Vector3 {
    const { index, part } = this.find(timeS);
    out.fromArray(this.keys.positions, 3 * index);
    if (part > 0) {
      const at = 3 * (index + 1);
      const [x, y, z] = this.keys.positions.slice(at, at + 3);
      out.set(out.x + (x - out.x) * part, out.y + (y - out.y) * part, out.z + (z - out.z) * part);
    }
    return out;
  }

  /** Put the turn at a time into `out`: shorter arcs between keys; the ends hold. */
  turn(timeS: number, out: Quaternion): Quaternion {
    const { index, part } = this.find(timeS);
    out.fromArray(this.keys.turns, 4 * index);
    if (part > 0) out.slerp(this.from.fromArray(this.keys.turns, 4 * (index + 1)), part);
    return out;
  }

  private find(timeS: number): { index: number; part: number } {
    const times = this.keys.timesS;
    const last = times.length - 1;
    if (timeS <= times[0]) return { index: 0, part: 0 };
    if (timeS >= times[last]) return { index: last, part: 0 };
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= timeS) low = middle;
      else high = middle;
    }
    return { index: low, part: (timeS - times[low]) / (times[high] - times[low]) };
  }
}
