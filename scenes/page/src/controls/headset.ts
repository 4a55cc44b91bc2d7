/** WebXR: the headset is the head; sticks walk and turn, triggers grab players. */

import { type Group, Matrix4, Quaternion, Vector3 } from "three";
import { yawOf } from "../listener";
import type { Scenery } from "../scenery";
import type { Pose } from "../sound/spatial";
import type { Stage } from "../stage/stage";

const METRES_A_SECOND = 1.6;
const SNAP = Math.PI / 6;
const DEAD = 0.25;
const UP = new Vector3(0, 1, 0);

export class Headset {
  onChange: () => void = () => {};
  private readonly pose: Pose = { position: new Vector3(), turn: new Quaternion() };
  private session: XRSession | null = null;
  private isSnapped = false;
  private readonly grabbed = new Map<Group, number>();
  private framesSeen = 0;
  private readonly matrix = new Matrix4();
  private readonly scale = new Vector3();

  constructor(
    private readonly scenery: Scenery,
    private readonly stage: Stage,
  ) {
    for (const index of [0, 1]) {
      const controller = stage.renderer.xr.getController(index);
      stage.rig.add(controller);
      controller.addEventListener("selectstart", () => {
        const hit = stage.along(controller);
        if (hit && typeof hit.who === "number") this.grabbed.set(controller, hit.who);
      });
      controller.addEventListener("selectend", () => this.grabbed.delete(controller));
    }
  }

  static async exists(): Promise<boolean> {
    try {
      return (await navigator.xr?.isSessionSupported("immersive-vr")) ?? false;
    } catch {
      return false;
    }
  }

  get on(): boolean {
    return this.session !== null;
  }

  /** Frames that were shown in a headset. */
  get frames(): number {
    return this.framesSeen;
  }

  async toggle(): Promise<void> {
    if (this.session) {
      await this.session.end();
      return;
    }
    if (!navigator.xr) throw new Error("This browser knows no headset.");
    const session = await navigator.xr.requestSession("immersive-vr", {
      optionalFeatures: ["local-floor", "bounded-floor"],
    });
    const { rig, floorM, renderer } = this.stage;
    const { position, turn } = this.scenery.pose;
    rig.position.set(position.x, floorM, position.z);
    rig.quaternion.setFromAxisAngle(UP, yawOf(turn));
    this.session = session;
    session.addEventListener("end", () => this.ended());
    await renderer.xr.setSession(session);
    this.onChange();
  }

  /** Take the head from the headset, walk with the sticks, and carry who is grabbed. */
  update(seconds: number): void {
    const { session, stage, pose } = this;
    if (!session || !stage.renderer.xr.isPresenting) return;
    // The cameras of a session are at the eyes, or behind them; the head is between them.
    const { xr } = stage.renderer;
    const space = xr.getReferenceSpace();
    const seen = space && xr.getFrame()?.getViewerPose(space);
    if (!seen) return;
    this.framesSeen++;
    stage.rig.updateMatrixWorld(true);
    this.matrix.fromArray(seen.transform.matrix).premultiply(stage.rig.matrixWorld);
    this.matrix.decompose(pose.position, pose.turn, this.scale);
    this.scenery.listener.headset = pose;
    for (const source of session.inputSources) this.stick(source, seconds);
    for (const [controller, who] of this.grabbed) this.carry(controller, who);
  }

  private stick(source: XRInputSource, seconds: number): void {
    const axes = source.gamepad?.axes;
    if (!axes || axes.length < 4) return;
    const [, , x, y] = axes;
    const { rig } = this.stage;
    if (source.handedness === "right") {
      if (Math.abs(x) < DEAD) this.isSnapped = false;
      else if (Math.abs(x) > 0.6 && !this.isSnapped) {
        this.isSnapped = true;
        rig.rotateOnWorldAxis(UP, -Math.sign(x) * SNAP);
      }
      return;
    }
    if (Math.hypot(x, y) < DEAD) return;
    const way = new Vector3(x, 0, y).applyAxisAngle(UP, yawOf(this.pose.turn));
    rig.position.addScaledVector(way, METRES_A_SECOND * seconds);
  }

  private carry(controller: Group, who: number): void {
    this.stage.along(controller);
    const { origin, direction } = this.stage.ray;
    if (direction.y > -0.05) return;
    const distance = (origin.y - this.stage.floorM) / -direction.y;
    this.scenery.put(who, direction.clone().multiplyScalar(distance).add(origin));
  }

  private ended(): void {
    const { listener } = this.scenery;
    const position = this.pose.position.clone();
    const yaw = yawOf(this.pose.turn);
    this.session = null;
    this.grabbed.clear();
    listener.headset = null;
    listener.put(position);
    listener.turnTo(yaw);
    this.stage.rig.position.set(0, 0, 0);
    this.stage.rig.quaternion.identity();
    this.onChange();
  }
}
