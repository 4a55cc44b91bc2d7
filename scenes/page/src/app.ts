/** Everything together: the scene, its sound, its view, and the panels around it. */

import { CloudLibrary } from "./cloud_library";
import { Gestures } from "./controls/gestures";
import { Headset } from "./controls/headset";
import { Keys } from "./controls/keys";
import type { Description } from "./description";
import { Media } from "./media";
import { notice } from "./notice";
import { byId } from "./panel/dom";
import { Meters } from "./panel/meters";
import { Plan } from "./panel/plan";
import { PlayerList } from "./panel/player_list";
import { Switches } from "./panel/switches";
import { Timeline } from "./panel/timeline";
import { Scenery } from "./scenery";
import { type Heads, SoundGraph } from "./sound/graph";
import { Head } from "./sound/head";
import { Playback } from "./sound/playback";
import { Stems } from "./sound/stems";
import { Sharpness } from "./stage/sharpness";

const PLAN_EVERY = 2;
const STILL_MS = 1500;
/** How long a browser may take to start the sound. */
const WAIT_MS = 3000;
/** What stands still is drawn so seldom, for clouds that arrive late. */
const STILL_EVERY = 20;

export class App {
  readonly scenery: Scenery;
  readonly stems: Stems;
  readonly heads: Promise<Heads>;
  readonly plan: Plan;
  readonly headset: Headset | null;
  framesASecond = 0;
  volume = 1;
  room = 1;
  private readonly sharpness = new Sharpness();
  private readonly media: Media;
  private readonly list: PlayerList;
  private readonly timeline: Timeline;
  private readonly meters: Meters;
  private readonly keys: Keys;
  private frames = 0;
  private lastMs = 0;
  private heardBefore = "";
  private lookedBefore = "";
  private movedMs = 0;
  private touched = true;
  private wasStill = false;

  constructor(readonly description: Description) {
    this.media = new Media(description.inline);
    this.scenery = new Scenery(description);
    this.stems = new Stems(description, this.media);
    this.heads = this.loadHeads();
    this.heads.catch(notice);
    // What sounds first is decoded before the click.
    this.stems.slot(0).catch(notice);
    const library = new CloudLibrary(this.media, this.stems.count);
    library.onError = notice;
    const canvas = byId<HTMLCanvasElement>("stage");
    try {
      this.scenery.build(canvas, library);
    } catch {
      notice(new Error("This browser shows no 3D (WebGL is missing or off): use the plan; the sound is whole."));
      document.body.classList.add("flat");
    }
    const { stage } = this.scenery;
    this.headset = stage ? new Headset(this.scenery, stage) : null;
    this.list = new PlayerList(this.scenery);
    this.timeline = new Timeline(this.scenery, description.durationSamples / description.rateHz);
    this.plan = new Plan(this.scenery);
    this.meters = new Meters(this.scenery);
    new Gestures(canvas, this.scenery);
    this.keys = new Keys(this.scenery, {
      toggleView: () => this.toggleView(),
      toggleLoop: () => byId("loop").click(),
      toggleHelp: () => this.toggleHelp(),
    });
    this.scenery.onChange = () => this.update();
    this.scenery.listener.onFollowing = () => this.update();
    new Switches(this);
    const view = byId("view");
    const resize = (): void => {
      // Panels lie over the right of a wide screen, and over the bottom of all.
      const side = matchMedia("(min-width: 761px)").matches ? 314 : 0;
      stage?.resize(view.clientWidth, view.clientHeight, this.sharpness.ratio, side / 2, side ? 24 : 72);
    };
    this.sharpness.onChange = resize;
    new ResizeObserver(resize).observe(view);
    resize();
    this.update();
    if (stage) stage.renderer.setAnimationLoop((ms: number) => this.frame(ms));
    else {
      const next = (ms: number): void => {
        this.frame(ms);
        requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    }
  }

  /** Start sound: browsers allow that after a click only. */
  async start(): Promise<void> {
    const context = new AudioContext({ sampleRate: this.description.rateHz, latencyHint: "interactive" });
    const resumed = context.resume();
    const heads = await this.heads;
    const patience = new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    await Promise.race([resumed, patience]);
    if (context.state !== "running") {
      notice(new Error("The browser starts no sound: is there a loudspeaker or a headphone, and is it free?"));
    }
    const graph = new SoundGraph(context, this.description, this.scenery.players, heads);
    const playback = new Playback(graph, this.stems, this.scenery.players, this.description);
    playback.onChange = () => this.update();
    playback.onError = notice;
    // A phone that was locked, or a call, may have stopped the sound.
    const resume = (): void => void (context.state === "running" || context.resume());
    for (const event of ["visibilitychange", "pointerdown", "keydown"]) document.addEventListener(event, resume);
    this.scenery.graph = graph;
    this.scenery.playback = playback;
    this.scenery.listen();
    byId("welcome").hidden = true;
    byId("app").inert = false;
    byId("play").focus({ preventScroll: true });
    await playback.play();
  }

  private async loadHeads(): Promise<Heads> {
    const unpack = async (name: string, there: boolean): Promise<Head | null> =>
      there ? Head.unpack(await this.media.load(name), this.description.rateHz) : null;
    const { head, roomResponse } = this.description;
    const [own, room] = await Promise.all([unpack("head", head), unpack("room", roomResponse)]);
    return { head: own, room };
  }

  private frame(ms: number): void {
    const seconds = Math.min((ms - this.lastMs) / 1000, 0.1);
    if (ms > this.lastMs) this.framesASecond += (1000 / (ms - this.lastMs) - this.framesASecond) * 0.05;
    if (!this.headset?.on) this.sharpness.frame(ms);
    this.sharpness.still = this.isStill(ms);
    this.lastMs = ms;
    this.frames++;
    const { scenery } = this;
    const { stage } = scenery;
    if (this.sharpness.still && this.wasStill && this.frames % STILL_EVERY !== 0) {
      this.keys.update(seconds);
      return;
    }
    this.wasStill = this.sharpness.still;
    this.keys.update(seconds);
    this.headset?.update(seconds);
    scenery.listen();
    this.meters.update();
    if (stage) {
      const { pose } = scenery;
      const isInside = !scenery.isOutside || stage.renderer.xr.isPresenting;
      if (!stage.renderer.xr.isPresenting) {
        if (scenery.isOutside) scenery.orbit.place(stage.camera);
        else {
          stage.camera.position.copy(pose.position);
          stage.camera.quaternion.copy(pose.turn);
        }
      }
      stage.show(scenery.timeS, pose, scenery.heard, !isInside);
      stage.draw();
    }
    this.list.measure();
    this.timeline.update();
    if (this.frames % PLAN_EVERY === 0) this.plan.draw();
  }

  /** Whether nothing that is drawn has moved for a while. */
  private isStill(ms: number): boolean {
    const { scenery } = this;
    const { position, turn } = scenery.pose;
    const look = [...position.toArray(), ...turn.toArray(), scenery.orbit.seen, scenery.timeS, scenery.stage?.pointed];
    const now = look.join();
    if (now !== this.lookedBefore || this.touched) this.movedMs = ms;
    this.lookedBefore = now;
    this.touched = false;
    return ms - this.movedMs > STILL_MS && !this.headset?.on;
  }

  /** Show what was changed by hand. */
  private update(): void {
    this.touched = true;
    const { playback, isOutside, heard, listener } = this.scenery;
    const state = playback?.state ?? "paused";
    const play = byId("play");
    document.body.dataset.state = state;
    play.setAttribute("aria-label", state === "paused" ? "Play" : "Pause");
    byId("loop").setAttribute("aria-pressed", String(playback?.loop ?? false));
    byId("outside").setAttribute("aria-pressed", String(isOutside));
    byId("follow").hidden = !listener.path.moves || listener.following;
    byId("vr").setAttribute("aria-pressed", String(this.headset?.on ?? false));
    this.list.update();
    const nowHeard = heard.join();
    if (nowHeard !== this.heardBefore) this.timeline.draw();
    this.heardBefore = nowHeard;
  }

  toggleView(): void {
    this.scenery.isOutside = !this.scenery.isOutside;
  }

  toggleHelp(): void {
    const help = byId<HTMLDialogElement>("help");
    if (help.open) help.close();
    else help.showModal();
  }
}
