/** A player of the scene: where it stands, where it was dragged to, and how it is mixed. */

import { Quaternion, Vector3 } from "three";
import type { SourceDescription } from "./description";
import { fromBase64 } from "./media";
import { Path } from "./path";

export const GAIN_DB = { lowest: -40, highest: 12 };

export class Player {
  readonly path: Path;
  readonly loudness: Uint8Array;
  /** How far it was dragged from where the scene has it. */
  readonly offset = new Vector3();
  mute: boolean;
  solo = false;
  /** On top of the scene's own gain. */
  gainDb = 0;
  /** Level of what sounds now, 0 to 1, for display. */
  meter = 0;

  constructor(
    readonly index: number,
    readonly description: SourceDescription,
  ) {
    this.path = new Path(description.path);
    this.loudness = fromBase64(description.loudness);
    this.mute = !description.heard;
  }

  get name(): string {
    return this.description.name;
  }

  get dragged(): boolean {
    return this.offset.lengthSq() > 0;
  }

  position(timeS: number, out: Vector3): Vector3 {
    return this.path.position(timeS, out).add(this.offset);
  }

  turn(timeS: number, out: Quaternion): Quaternion {
    return this.path.turn(timeS, out);
  }

  /** Move so that the position at a time is above or below the given place. */
  put(timeS: number, place: Vector3): void {
    this.path.position(timeS, this.offset).sub(place).negate();
    this.offset.y = 0;
  }
}

/** Who is heard: those that are solo if any is, without those that are muted. */
export function audible(players: readonly Player[]): boolean[] {
  const solo = players.some((player) => player.solo);
  return players.map((player) => !player.mute && (player.solo || !solo));
}
