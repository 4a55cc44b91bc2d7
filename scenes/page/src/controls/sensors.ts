/** The sensors of a phone or a tablet turn the head. */

import { Euler, Quaternion, Vector3 } from "three";
import { type Listener, yawOf } from "../listener";

interface AskedOrientation {
  requestPermission?: () => Promise<"granted" | "denied">;
}

const WAIT_MS = 1500;

export class Sensors {
  private isOn = false;
  private zeroYaw: number | null = null;
  private readonly turn = new Quaternion();
  private readonly handler = (event: DeviceOrientationEvent): void => this.sense(event);

  constructor(private readonly listener: Listener) {}

  static get exist(): boolean {
    return "DeviceOrientationEvent" in window && matchMedia("(pointer: coarse)").matches;
  }

  get on(): boolean {
    return this.isOn;
  }

  /** Start, or say in the error why not. */
  async start(): Promise<void> {
    const asked = DeviceOrientationEvent as unknown as AskedOrientation;
    if (asked.requestPermission && (await asked.requestPermission()) !== "granted") {
      throw new Error("The browser does not let this page feel how the phone is turned.");
    }
    this.isOn = true;
    this.zeroYaw = null;
    window.addEventListener("deviceorientation", this.handler);
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    if (this.isOn && this.zeroYaw === null) {
      this.stop();
      throw new Error("No sensor answers: browsers give them to pages of https only, and not to files.");
    }
  }

  stop(): void {
    this.isOn = false;
    window.removeEventListener("deviceorientation", this.handler);
    this.listener.sensed = null;
  }

  private sense(event: DeviceOrientationEvent): void {
    if (event.alpha === null || event.beta === null || event.gamma === null) return;
    turnOfDevice(event.alpha, event.beta, event.gamma, screen.orientation?.angle ?? 0, this.turn);
    // Straight ahead is where the phone points when it begins.
    this.zeroYaw ??= yawOf(this.turn);
    const zero = new Quaternion().setFromAxisAngle(new Vector3(0, 1, 0), -this.zeroYaw);
    this.listener.following = false;
    this.listener.sensed = zero.multiply(this.turn);
  }
}

/**
 * Return how a head is turned that looks through the back of a device (W3C DeviceOrientation:
 * intrinsic Z-X'-Y'' angles in degrees, z up), whose screen is turned by an angle.
 */
export function turnOfDevice(
  alpha: number,
  beta: number,
  gamma: number,
  screenAngle: number,
  out: Quaternion,
): Quaternion {
  const rad = Math.PI / 180;
  // In axes with y up: alpha about y, then beta about x, then gamma about −z.
  out.setFromEuler(new Euler(beta * rad, alpha * rad, -gamma * rad, "YXZ"));
  // The camera looks out of the back, not out of the top edge.
  out.multiply(new Quaternion(-Math.SQRT1_2, 0, 0, Math.SQRT1_2));
  return out.multiply(new Quaternion().setFromAxisAngle(new Vector3(0, 0, 1), -screenAngle * rad));
}
