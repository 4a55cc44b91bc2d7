/** The view from outside: round a middle, nearer and farther. */

import { type PerspectiveCamera, Vector3 } from "three";

export class Orbit {
  private azimuth = 0.5;
  private height = 0.62;
  private distance: number;

  constructor(
    private readonly middle: Vector3,
    private readonly reachM: number,
  ) {
    this.distance = 2.2 * reachM;
  }

  /** Differs for each view. */
  get seen(): string {
    return `${this.azimuth} ${this.height} ${this.distance}`;
  }

  turn(left: number, up: number): void {
    this.azimuth -= left;
    this.height = Math.min(Math.max(this.height + up, 0.08), 1.5);
  }

  zoom(factor: number): void {
    this.distance = Math.min(Math.max(this.distance * factor, 0.8), 12 * this.reachM);
  }

  place(camera: PerspectiveCamera): void {
    const flat = Math.cos(this.height) * this.distance * (camera.aspect < 1 ? 1.25 : 1);
    const { middle } = this;
    camera.position.set(
      middle.x + flat * Math.sin(this.azimuth),
      middle.y + Math.sin(this.height) * this.distance,
      middle.z + flat * Math.cos(this.azimuth),
    );
    camera.lookAt(middle);
  }
}
