/** What all controls act on: players, listener, the two views, and who is selected. */

import { Vector3 } from "three";
import type { CloudLibrary } from "./cloud_library";
import type { Description } from "./description";
import { Listener } from "./listener";
import { audible, Player } from "./player";
import type { Playback } from "./sound/playback";
import type { SoundGraph } from "./sound/graph";
import type { Pose } from "./sound/spatial";
import { Orbit } from "./stage/orbit";
import { Stage, type Who } from "./stage/stage";

export class Scenery {
  readonly players: Player[];
  readonly listener: Listener;
  readonly orbit: Orbit;
  readonly middle = new Vector3();
  readonly reachM: number;
  stage: Stage | null = null;
  /** There once sound is allowed to start. */
  playback: Playback | null = null;
  graph: SoundGraph | null = null;
  selected: Who | null = null;
  onChange: () => void = () => {};
  private outside = false;
  private front = new Vector3();
  private up = new Vector3();

  constructor(readonly description: Description) {
    this.players = description.sources.map((source, index) => new Player(index, source));
    this.listener = new Listener(description.listener);
    const places = this.players.map((player) => player.position(0, new Vector3()));
    places.push(this.listener.at(0).position.clone());
    for (const place of places) this.middle.addScaledVector(place, 1 / places.length);
    this.reachM = Math.max(1.2, ...places.map((place) => place.distanceTo(this.middle)));
    this.orbit = new Orbit(this.middle, this.reachM);
  }

  /** Make the view; throws where there is no WebGL. */
  build(canvas: HTMLCanvasElement, library: CloudLibrary): void {
    this.stage = new Stage(canvas, this.description, this.players, library, this.middle, this.reachM);
  }

  get timeS(): number {
    return this.playback?.timeS ?? 0;
  }

  get pose(): Pose {
    return this.listener.at(this.timeS);
  }

  get heard(): boolean[] {
    return audible(this.players);
  }

  /** Whether the camera is outside, and the head one of those that are seen. */
  get isOutside(): boolean {
    return this.outside;
  }

  set isOutside(on: boolean) {
    this.outside = on;
    this.onChange();
  }

  positionOf(who: Who): Vector3 {
    if (who === "listener") return this.pose.position.clone();
    return this.players[who].position(this.timeS, new Vector3());
  }

  /** Stand someone above or below a place. */
  put(who: Who, place: Vector3): void {
    if (who === "listener") this.listener.put(place);
    else {
      this.players[who].put(this.timeS, place);
      this.playback?.moved(this.players[who]);
    }
    this.onChange();
  }

  look(x: number, y: number): void {
    if (this.isOutside) this.orbit.turn(x, y);
    else if (!this.listener.headset) this.listener.look(x, y);
  }

  select(who: Who | null): void {
    this.selected = who;
    this.onChange();
  }

  /** Everybody back to where the scene has them, and as loud. */
  reset(): void {
    this.listener.reset();
    for (const player of this.players) {
      player.offset.set(0, 0, 0);
      player.gainDb = 0;
      player.solo = false;
      player.mute = !player.description.heard;
      this.playback?.moved(player);
    }
    this.mixed();
  }

  /** Let the faders follow what was changed at a player. */
  mixed(): void {
    if (this.graph) this.graph.mix(this.graph.context.currentTime);
    this.onChange();
  }

  /** Bring the sound to where everybody is now. */
  listen(): void {
    if (!this.graph) return;
    const { pose, timeS } = this;
    const now = this.graph.context.currentTime;
    this.graph.listen(pose, this.front, this.up, now);
    const place = new Vector3();
    for (const player of this.players) {
      this.graph.strips[player.index].spatial.update(player.position(timeS, place), pose, now);
    }
  }
}
