/**
 * The audio graph of a scene, for the loudspeakers or for an OfflineAudioContext:
 *
 *   stem → fader (level, gains, mute) → direction and distance ─┐
 *                  └→ × reference distance → room's response ───┴→ bus → volume → soft limit → out
 */

import type { Vector3 } from "three";
import type { Description } from "../description";
import { audible, type Player } from "../player";
import type { Head } from "./head";
import { HeadSpatial, PannerSpatial, type Pose, type Spatial } from "./spatial";

/** What a scene is heard through, where it has it. */
export interface Heads {
  head: Head | null;
  room: Head | null;
}

export interface Strip {
  fader: GainNode;
  meter: AnalyserNode;
  spatial: Spatial;
}

const GLIDE_S = 0.012;
const METER_SAMPLES = 1024;

export class SoundGraph {
  readonly strips: Strip[];
  /** Shut between seeks, so that nothing clicks. */
  readonly bus: GainNode;
  readonly volume: GainNode;
  readonly roomGain: GainNode;
  readonly meters: [AnalyserNode, AnalyserNode];

  constructor(
    readonly context: BaseAudioContext,
    description: Description,
    private readonly players: readonly Player[],
    heads: Heads,
  ) {
    this.volume = new GainNode(context);
    this.bus = new GainNode(context, { channelCount: 2, channelCountMode: "explicit" });
    this.roomGain = new GainNode(context);
    this.bus.connect(this.volume);
    const room = this.room(heads.room);
    this.strips = players.map(({ description: source }) => {
      const fader = new GainNode(context, { channelCount: 1, channelCountMode: "explicit" });
      const meter = new AnalyserNode(context, { fftSize: METER_SAMPLES });
      const { referenceDistanceM } = source;
      const spatial = heads.head
        ? new HeadSpatial(context, this.bus, referenceDistanceM, description.nearestM, heads.head)
        : new PannerSpatial(context, this.bus, referenceDistanceM, description.nearestM);
      fader.connect(spatial.input);
      fader.connect(meter);
      if (room) fader.connect(new GainNode(context, { gain: referenceDistanceM })).connect(room);
      return { fader, meter, spatial };
    });
    this.meters = [0, 1].map(() => new AnalyserNode(context, { fftSize: METER_SAMPLES })) as [
      AnalyserNode,
      AnalyserNode,
    ];
    const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    this.volume.connect(split);
    this.meters.forEach((meter, ear) => split.connect(meter, ear));
    connectSoftly(this.volume, context.destination);
    this.mix(0);
  }

  /** Bring all faders to what the players say, at once at time 0 and with a short glide later. */
  mix(contextS: number): void {
    const heard = audible(this.players);
    this.players.forEach(({ description, gainDb }, index) => {
      const gain = heard[index] ? description.level * 10 ** ((description.gainDb + gainDb) / 20) : 0;
      glide(this.strips[index].fader.gain, gain, contextS);
    });
  }

  /** Put the listener's head somewhere. */
  listen(pose: Pose, front: Vector3, up: Vector3, contextS: number): void {
    const { listener } = this.context;
    front.set(0, 0, -1).applyQuaternion(pose.turn);
    up.set(0, 1, 0).applyQuaternion(pose.turn);
    if (listener.positionX === undefined) {
      // Firefox before 2025 knows the listener's old methods only.
      listener.setPosition(pose.position.x, pose.position.y, pose.position.z);
      listener.setOrientation(front.x, front.y, front.z, up.x, up.y, up.z);
      return;
    }
    const { position } = pose;
    const values: [AudioParam, number][] = [
      [listener.positionX, position.x],
      [listener.positionY, position.y],
      [listener.positionZ, position.z],
      [listener.forwardX, front.x],
      [listener.forwardY, front.y],
      [listener.forwardZ, front.z],
      [listener.upX, up.x],
      [listener.upY, up.y],
      [listener.upZ, up.z],
    ];
    for (const [parameter, value] of values) glide(parameter, value, contextS);
  }

  private room(response: Head | null): AudioNode | null {
    if (!response) return null;
    const send = new GainNode(this.context, { channelCount: 1, channelCountMode: "explicit" });
    const convolver = new ConvolverNode(this.context, { disableNormalization: true });
    convolver.buffer = response.buffer(0);
    send.connect(convolver).connect(this.roomGain).connect(this.bus);
    return send;
  }
}

/** Go to a value: at once before an offline context starts, else within some milliseconds. */
export function glide(parameter: AudioParam, value: number, contextS: number): void {
  if (contextS <= 0) parameter.value = value;
  else parameter.setTargetAtTime(value, contextS, GLIDE_S);
}

/**
 * Connect so that all below 0.8 of full scale stays as it is, and what is above, up to four times full
 * scale, is bent: walking into a player does not clip.
 */
function connectSoftly(from: AudioNode, to: AudioNode): void {
  const range = 4;
  const knee = 0.8;
  const count = 8001;
  const curve = Float32Array.from({ length: count }, (_, index) => {
    const x = range * ((2 * index) / (count - 1) - 1);
    const size = Math.abs(x);
    const bent = size <= knee ? size : knee + (1 - knee) * Math.tanh((size - knee) / (1 - knee));
    return Math.sign(x) * bent;
  });
  const { context } = from;
  from
    .connect(new GainNode(context, { gain: 1 / range }))
    .connect(new WaveShaperNode(context, { curve }))
    .connect(to);
}
