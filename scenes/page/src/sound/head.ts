/** The scene's own head, or the response of a room: responses for two ears from each direction. */

import type { Vector3 } from "three";
import { inflate } from "../media";

export class Head {
  private readonly buffers = new Map<number, AudioBuffer>();

  private constructor(
    private readonly directions: Float32Array,
    private readonly responses: Float32Array,
    private readonly taps: number,
    private readonly rateHz: number,
  ) {}

  /** Unpack what scenes/export/web/head_responses.py packed. */
  static async unpack(packed: Uint8Array<ArrayBuffer>, rateHz: number): Promise<Head> {
    const data = await inflate(packed);
    const view = new DataView(data);
    const count = view.getUint32(0, true);
    const taps = view.getUint32(4, true);
    const directions = new Float32Array(data, 8, 3 * count);
    const factor = view.getFloat32(8 + 12 * count, true);
    const total = 2 * count * taps;
    const bytes = new Uint8Array(data, 12 + 12 * count);
    const responses = new Float32Array(total);
    for (let i = 0; i < total; i++) {
      responses[i] = ((((bytes[total + i] << 8) | bytes[i]) << 16) >> 16) * factor;
    }
    return new Head(directions, responses, taps, rateHz);
  }

  /** Return the direction nearest to one in the frame of the head (x right, y up, −z front). */
  nearest(direction: Vector3): number {
    let best = 0;
    let likeness = -Infinity;
    for (let i = 0; i < this.directions.length; i += 3) {
      const here =
        direction.x * this.directions[i] +
        direction.y * this.directions[i + 1] +
        direction.z * this.directions[i + 2];
      if (here > likeness) {
        likeness = here;
        best = i / 3;
      }
    }
    return best;
  }

  /** Return the response of a direction for a ConvolverNode. */
  buffer(index: number): AudioBuffer {
    let buffer = this.buffers.get(index);
    if (!buffer) {
      buffer = new AudioBuffer({ length: this.taps, numberOfChannels: 2, sampleRate: this.rateHz });
      for (const ear of [0, 1]) {
        const start = (2 * index + ear) * this.taps;
        buffer.copyToChannel(this.responses.slice(start, start + this.taps), ear);
      }
      this.buffers.set(index, buffer);
    }
    return buffer;
  }
}
