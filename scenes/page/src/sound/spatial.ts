/** How a player's sound gets its direction and its distance: by the browser, or by the scene's head. */

import { Quaternion, Vector3 } from "three";
import type { Head } from "./head";

/** The head of the listener. */
export interface Pose {
  position: Vector3;
  turn: Quaternion;
}

/** Where a player is from one time of the audio clock on. */
export interface Key {
  contextS: number;
  position: Vector3;
}

export interface Spatial {
  readonly input: AudioNode;
  /** Follow keys in straight lines, from the first on; they continue what was planned before. */
  follow(keys: Key[]): void;
  /** Forget what was planned, and be somewhere from now on, with a short glide. */
  put(position: Vector3, contextS: number): void;
  /** Look at where player and head are now. */
  update(position: Vector3, head: Pose, contextS: number): void;
  /** Where the sound comes from, as far as this part knows. */
  readonly position: Vector3;
  disconnect(): void;
}

const GLIDE_S = 0.015;

/**
 * Browsers' built-in head is softer than the MIT KEMAR head, with which Auralize renders scenes and the
 * responses of rooms, by 0.8 to 1.9 dB of power (front, sides, back, above; noise of 0.1 to 15 kHz).
 */
const PANNER_LEVEL = 10 ** (1.3 / 20);

/**
 * The browser's own HRTF. Its distance law is clamped inside the reference distance, so that is set
 * to the nearest distance of the scene, and a gain makes up for it: reference / max(distance, nearest).
 */
export class PannerSpatial implements Spatial {
  readonly input: GainNode;
  private readonly panner: PannerNode;

  constructor(context: BaseAudioContext, out: AudioNode, referenceM: number, nearestM: number) {
    this.input = new GainNode(context, { gain: (PANNER_LEVEL * referenceM) / nearestM });
    this.panner = new PannerNode(context, {
      panningModel: "HRTF",
      distanceModel: "inverse",
      refDistance: nearestM,
      rolloffFactor: 1,
      maxDistance: 10_000,
    });
    this.input.connect(this.panner).connect(out);
  }

  get position(): Vector3 {
    const [x, y, z] = this.axes();
    return new Vector3(x.value, y.value, z.value);
  }

  follow(keys: Key[]): void {
    this.axes().forEach((parameter, axis) => {
      keys.forEach(({ contextS, position }, index) => {
        const value = position.getComponent(axis);
        if (index === 0) parameter.setValueAtTime(value, contextS);
        else parameter.linearRampToValueAtTime(value, contextS);
      });
    });
  }

  put(position: Vector3, contextS: number): void {
    this.axes().forEach((parameter, axis) => {
      if (contextS <= 0) {
        parameter.value = position.getComponent(axis);
        return;
      }
      // Firefox cannot hold a value where it is, and jumps.
      if (parameter.cancelAndHoldAtTime) parameter.cancelAndHoldAtTime(contextS);
      else parameter.cancelScheduledValues(contextS);
      parameter.setTargetAtTime(position.getComponent(axis), contextS, GLIDE_S);
    });
  }

  update(): void {}

  disconnect(): void {
    this.input.disconnect();
    this.panner.disconnect();
  }

  private axes(): [AudioParam, AudioParam, AudioParam] {
    return [this.panner.positionX, this.panner.positionY, this.panner.positionZ];
  }
}

const FADE_S = 0.03;

/** The scene's head: two convolvers take turns, and fade from direction to direction. */
export class HeadSpatial implements Spatial {
  readonly input: GainNode;
  readonly position = new Vector3();
  private readonly convolvers: [ConvolverNode, ConvolverNode];
  private readonly gains: [GainNode, GainNode];
  private active = 0;
  private direction = -1;
  private busyUntilS = -1;
  private readonly seen = new Vector3();
  private readonly unturn = new Quaternion();

  constructor(
    context: BaseAudioContext,
    out: AudioNode,
    private readonly referenceM: number,
    private readonly nearestM: number,
    private readonly head: Head,
  ) {
    this.input = new GainNode(context, { gain: 0, channelCount: 1, channelCountMode: "explicit" });
    const convolver = (): ConvolverNode => new ConvolverNode(context, { disableNormalization: true });
    this.convolvers = [convolver(), convolver()];
    this.gains = [new GainNode(context, { gain: 1 }), new GainNode(context, { gain: 0 })];
    this.convolvers.forEach((node, index) => this.input.connect(node).connect(this.gains[index]).connect(out));
  }

  follow(): void {}

  put(): void {}

  update(position: Vector3, head: Pose, contextS: number): void {
    this.position.copy(position);
    this.seen.copy(position).sub(head.position);
    const distance = this.seen.length();
    if (distance < 1e-6) this.seen.set(0, 0, -1);
    else this.seen.applyQuaternion(this.unturn.copy(head.turn).invert()).divideScalar(distance);
    const gain = this.referenceM / Math.max(distance, this.nearestM);
    const isFirst = this.direction < 0;
    if (isFirst) this.input.gain.value = gain;
    else this.input.gain.setTargetAtTime(gain, contextS, GLIDE_S);
    if (contextS < this.busyUntilS) return;
    const direction = this.head.nearest(this.seen);
    if (direction === this.direction) return;
    this.direction = direction;
    if (isFirst) {
      this.convolvers[0].buffer = this.head.buffer(direction);
      return;
    }
    this.active = 1 - this.active;
    this.convolvers[this.active].buffer = this.head.buffer(direction);
    this.gains.forEach((node, index) => {
      node.gain.setValueAtTime(index === this.active ? 0 : 1, contextS);
      node.gain.linearRampToValueAtTime(index === this.active ? 1 : 0, contextS + FADE_S);
    });
    this.busyUntilS = contextS + FADE_S;
  }

  disconnect(): void {
    for (const node of [this.input, ...this.convolvers, ...this.gains]) node.disconnect();
  }
}
