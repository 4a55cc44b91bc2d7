/** The listener's head: it follows the scene until someone moves it. */

import { Euler, Quaternion, Vector3 } from "three";
import { Path } from "./path";
import type { PathDescription } from "./description";
import type { Pose } from "./sound/spatial";

const STEEPEST = (85 / 180) * Math.PI;

export class Listener {
  readonly path: Path;
  onFollowing: () => void = () => {};
  /** How a phone is turned, against how it was when it was asked first. */
  sensed: Quaternion | null = null;
  /** A headset, which says everything. */
  headset: Pose | null = null;
  private isFollowing = true;
  private readonly place = new Vector3();
  private readonly angles = new Euler(0, 0, 0, "YXZ");
  private readonly pose: Pose = { position: new Vector3(), turn: new Quaternion() };
  private readonly step = new Vector3();

  constructor(description: PathDescription) {
    this.path = new Path(description);
    this.reset();
  }

  /** Turn to the left about the vertical, in radians. */
  get yaw(): number {
    return this.angles.y;
  }

  /** Whether it goes where the scene's listener goes. */
  get following(): boolean {
    return this.isFollowing;
  }

  set following(on: boolean) {
    if (on === this.isFollowing) return;
    this.isFollowing = on;
    this.onFollowing();
  }

  /** Return where the head is and how it is turned, at a time of the scene. */
  at(timeS: number): Pose {
    if (this.headset) return this.headset;
    if (this.following) this.follow(timeS);
    this.pose.position.copy(this.place);
    this.pose.turn.setFromEuler(this.angles);
    if (this.sensed) {
      this.pose.turn.setFromAxisAngle(this.step.set(0, 1, 0), this.angles.y).multiply(this.sensed);
    }
    return this.pose;
  }

  look(left: number, up: number): void {
    this.following = false;
    this.angles.y += left;
    this.angles.x = Math.min(Math.max(this.angles.x + up, -STEEPEST), STEEPEST);
    this.angles.z = 0;
  }

  turnTo(yaw: number): void {
    this.following = false;
    this.angles.set(0, yaw, 0);
  }

  /** Walk level, in metres in the direction of the view. */
  walk(right: number, front: number): void {
    this.following = false;
    const yaw = this.sensed ? this.angles.y + yawOf(this.sensed) : this.angles.y;
    this.step.set(right, 0, -front).applyEuler(new Euler(0, yaw, 0));
    this.place.add(this.step);
  }

  /** Stand above or below a place. */
  put(place: Vector3): void {
    this.following = false;
    this.place.set(place.x, this.place.y, place.z);
  }

  reset(): void {
    this.following = true;
    this.follow(0);
  }

  private follow(timeS: number): void {
    this.path.position(timeS, this.place);
    this.angles.setFromQuaternion(this.path.turn(timeS, new Quaternion()));
  }
}

/** Turn to the left about the vertical of what looks to −z. */
export function yawOf(turn: Quaternion): number {
  const front = new Vector3(0, 0, -1).applyQuaternion(turn);
  return Math.atan2(-front.x, -front.z);
}
