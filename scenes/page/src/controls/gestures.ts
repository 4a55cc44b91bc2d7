/** Mouse, pen and touch on the view: look round, and drag players or the head. */

import { Plane, Vector3 } from "three";
import type { Scenery } from "../scenery";
import type { Who } from "../stage/stage";

const LOOK = 0.0042;
const NEARER = 0.006;
const UP = new Vector3(0, 1, 0);

type Gesture =
  | { kind: "look" }
  | { kind: "slide"; who: Who; plane: Plane; grip: Vector3 }
  | { kind: "swing"; who: number };

export class Gestures {
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private gesture: Gesture | null = null;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly scenery: Scenery,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(end, (event) => this.up(event));
    }
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size > 1) {
      this.gesture = { kind: "look" };
      return;
    }
    const { stage, isOutside } = this.scenery;
    const hit = stage?.at(...this.place(event), isOutside) ?? null;
    if (!hit) this.gesture = { kind: "look" };
    else if (isOutside || hit.who === "listener") {
      const plane = new Plane().setFromNormalAndCoplanarPoint(UP, hit.point);
      const grip = this.scenery.positionOf(hit.who).sub(hit.point);
      this.gesture = { kind: "slide", who: hit.who, plane, grip };
    } else this.gesture = { kind: "swing", who: hit.who };
    this.scenery.select(hit?.who ?? null);
    this.canvas.classList.add(hit ? "dragging" : "looking");
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    const { stage, isOutside } = this.scenery;
    if (!before) {
      if (!stage || event.pointerType === "touch") return;
      stage.pointed = stage.at(...this.place(event), isOutside)?.who ?? null;
      this.canvas.classList.toggle("over", stage.pointed !== null);
      return;
    }
    const x = event.clientX - before.x;
    const y = event.clientY - before.y;
    if (this.pointers.size === 2) this.pinch(event, before);
    before.x = event.clientX;
    before.y = event.clientY;
    if (!this.gesture) return;
    const share = 1 / this.pointers.size;
    if (this.gesture.kind === "look") this.scenery.look(x * LOOK * share, y * LOOK * share);
    else if (this.gesture.kind === "slide") this.slide(event, this.gesture);
    else this.swing(x, y, this.gesture.who);
  }

  private up(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size > 0) return;
    this.gesture = null;
    this.canvas.classList.remove("dragging", "looking");
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    if (this.scenery.isOutside) this.scenery.orbit.zoom(Math.exp(event.deltaY * 0.0012));
    else this.scenery.listener.walk(0, -event.deltaY * 0.002);
  }

  /** Two fingers: nearer and farther. */
  private pinch(event: PointerEvent, before: { x: number; y: number }): void {
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return;
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
    if (was < 1 || is < 1) return;
    if (this.scenery.isOutside) this.scenery.orbit.zoom(was / is);
    else this.scenery.listener.walk(0, (is - was) * 0.01);
  }

  /** From outside: over the floor, under the pointer. */
  private slide(event: PointerEvent, gesture: { who: Who; plane: Plane; grip: Vector3 }): void {
    const { stage } = this.scenery;
    if (!stage) return;
    stage.at(...this.place(event), false);
    const place = new Vector3();
    const { origin, direction } = stage.ray;
    const distance = gesture.plane.distanceToPoint(origin) / -direction.dot(gesture.plane.normal);
    if (!(distance > 0 && distance < 200)) return;
    place.copy(direction).multiplyScalar(distance).add(origin).add(gesture.grip);
    this.scenery.put(gesture.who, place);
  }

  /** From inside: round the listener with the pointer's side, nearer and farther with its height. */
  private swing(x: number, y: number, who: number): void {
    const head = this.scenery.pose.position;
    const away = this.scenery.positionOf(who).sub(head);
    const flat = Math.hypot(away.x, away.z);
    const nearer = Math.exp(-y * NEARER);
    const kept = Math.min(Math.max(flat * nearer, 0.3), 100) / Math.max(flat, 1e-6);
    away.set(away.x * kept, away.y, away.z * kept).applyAxisAngle(UP, -x * this.radiansAPixel());
    this.scenery.put(who, away.add(head));
  }

  private radiansAPixel(): number {
    const camera = this.scenery.stage?.camera;
    return camera ? ((camera.fov / 180) * Math.PI) / this.canvas.clientHeight : LOOK;
  }

  private place(event: PointerEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [
      (2 * (event.clientX - box.left)) / box.width - 1,
      1 - (2 * (event.clientY - box.top)) / box.height,
    ];
  }
}
