/** The plan: everybody from above (front is up), to look at and to drag. */

import { Quaternion, Vector3 } from "three";
import { yawOf } from "../listener";
import type { Scenery } from "../scenery";
import type { Who } from "../stage/stage";
import { byId } from "./dom";

const REACH_PX = 24;
const NOSE_PX = 26;
const STEP_M = 0.1;
const STEP_RAD = Math.PI / 36;

export class Plan {
  private readonly canvas = byId<HTMLCanvasElement>("map");
  private readonly said = byId("said");
  private drag: Who | "nose" | null = null;
  private scale = 60;
  private middle = { x: 0, z: 0 };
  private readonly place = new Vector3();
  private readonly turn = new Quaternion();

  constructor(private readonly scenery: Scenery) {
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      this.canvas.addEventListener(end, () => {
        this.drag = null;
        this.canvas.classList.remove("dragging");
      });
    }
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    const fit = (): void => this.fit();
    new ResizeObserver(fit).observe(this.canvas);
  }

  draw(): void {
    const { canvas, scenery } = this;
    const ratio = window.devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) this.fit();
    const pen = canvas.getContext("2d");
    if (!pen || width === 0) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.grid(pen, width, height);
    const { heard, selected, stage, timeS } = scenery;
    for (const player of scenery.players) this.way(pen, player.index);
    scenery.players.forEach((player, index) => {
      const [x, y] = this.onScreen(player.position(timeS, this.place));
      const { color } = player.description;
      const isPointed = stage?.pointed === index || selected === index || this.drag === index;
      pen.globalAlpha = heard[index] ? 1 : 0.35;
      pen.fillStyle = color;
      const yaw = yawOf(player.turn(timeS, this.turn));
      pen.beginPath();
      pen.moveTo(x - 15 * Math.sin(yaw), y - 15 * Math.cos(yaw));
      pen.lineTo(x - 8 * Math.sin(yaw + 0.8), y - 8 * Math.cos(yaw + 0.8));
      pen.lineTo(x - 8 * Math.sin(yaw - 0.8), y - 8 * Math.cos(yaw - 0.8));
      pen.fill();
      pen.globalAlpha *= 0.25;
      pen.beginPath();
      pen.arc(x, y, 9 + 14 * player.meter, 0, 2 * Math.PI);
      pen.fill();
      pen.globalAlpha = heard[index] ? 1 : 0.35;
      pen.beginPath();
      pen.arc(x, y, 8.5, 0, 2 * Math.PI);
      pen.fill();
      if (isPointed) {
        pen.strokeStyle = "#fff";
        pen.lineWidth = 2;
        pen.stroke();
      }
      pen.fillStyle = "#10141a";
      pen.font = "700 10px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(String(index + 1), x, y + 0.5);
      pen.globalAlpha = 1;
    });
    this.listener(pen);
  }

  private grid(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const { scenery, scale, middle } = this;
    const step = scale > 18 ? 1 : scale > 4 ? 5 : 20;
    pen.strokeStyle = "rgba(140, 155, 180, 0.13)";
    pen.lineWidth = 1;
    pen.beginPath();
    const halfX = width / 2 / scale;
    const halfZ = height / 2 / scale;
    for (let x = Math.ceil((middle.x - halfX) / step) * step; x < middle.x + halfX; x += step) {
      const [at] = this.screen(x, 0);
      pen.moveTo(at, 0);
      pen.lineTo(at, height);
    }
    for (let z = Math.ceil((middle.z - halfZ) / step) * step; z < middle.z + halfZ; z += step) {
      const [, at] = this.screen(0, z);
      pen.moveTo(0, at);
      pen.lineTo(width, at);
    }
    pen.stroke();
    const lines = scenery.description.room?.lines ?? [];
    pen.strokeStyle = "rgba(170, 185, 210, 0.45)";
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let i = 0; i < lines.length; i += 6) {
      pen.moveTo(...this.screen(lines[i], lines[i + 2]));
      pen.lineTo(...this.screen(lines[i + 3], lines[i + 5]));
    }
    pen.stroke();
  }

  private way(pen: CanvasRenderingContext2D, index: number): void {
    const player = this.scenery.players[index];
    if (!player.path.moves) return;
    pen.strokeStyle = player.description.color;
    pen.globalAlpha = 0.4;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const time of player.path.timesS) pen.lineTo(...this.onScreen(player.position(time, this.place)));
    pen.stroke();
    pen.globalAlpha = 1;
  }

  private listener(pen: CanvasRenderingContext2D): void {
    const { pose } = this.scenery;
    const [x, y] = this.onScreen(pose.position);
    const yaw = yawOf(pose.turn);
    const view = pen.createRadialGradient(x, y, 4, x, y, 60);
    view.addColorStop(0, "rgba(242, 239, 233, 0.34)");
    view.addColorStop(1, "rgba(242, 239, 233, 0)");
    pen.fillStyle = view;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.arc(x, y, 60, -Math.PI / 2 - yaw - 0.55, -Math.PI / 2 - yaw + 0.55);
    pen.fill();
    pen.save();
    pen.translate(x, y);
    pen.rotate(-yaw);
    pen.fillStyle = "#39414f";
    pen.fillRect(-11.5, -4.5, 5, 9);
    pen.fillRect(6.5, -4.5, 5, 9);
    pen.fillStyle = "#f2efe9";
    pen.beginPath();
    pen.moveTo(-3.5, -7);
    pen.lineTo(0, -13);
    pen.lineTo(3.5, -7);
    pen.fill();
    pen.beginPath();
    pen.arc(0, 0, 8.5, 0, 2 * Math.PI);
    pen.fill();
    if (this.drag === "listener" || this.scenery.selected === "listener") {
      pen.strokeStyle = "#e9b872";
      pen.lineWidth = 2;
      pen.stroke();
    }
    pen.fillStyle = "rgba(242, 239, 233, 0.85)";
    pen.beginPath();
    pen.arc(0, -NOSE_PX, 3.5, 0, 2 * Math.PI);
    pen.fill();
    pen.restore();
  }

  /** Choose the scale so that everybody, and a room that is not much larger, is seen. */
  private fit(): void {
    const { canvas, scenery } = this;
    const ratio = window.devicePixelRatio;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const xs: number[] = [];
    const zs: number[] = [];
    const add = (x: number, z: number): void => {
      xs.push(x);
      zs.push(z);
    };
    for (const player of scenery.players) {
      for (const time of player.path.timesS) {
        player.path.position(time, this.place);
        add(this.place.x, this.place.z);
      }
    }
    for (const time of scenery.listener.path.timesS) {
      scenery.listener.path.position(time, this.place);
      add(this.place.x, this.place.z);
    }
    const people = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...zs) - Math.min(...zs), 2);
    const { room } = scenery.description;
    if (room && Math.max(room.highest[0] - room.lowest[0], room.highest[2] - room.lowest[2]) < 1.8 * people) {
      add(room.lowest[0], room.lowest[2]);
      add(room.highest[0], room.highest[2]);
    }
    const wide = Math.max(...xs) - Math.min(...xs);
    const deep = Math.max(...zs) - Math.min(...zs);
    const edge = 2 * 30;
    this.scale = Math.min(
      (canvas.clientWidth - edge) / Math.max(wide, 1.5),
      (canvas.clientHeight - edge) / Math.max(deep, 1.5),
      140,
    );
    this.scale = Math.max(this.scale, 1);
    this.middle = { x: (Math.max(...xs) + Math.min(...xs)) / 2, z: (Math.max(...zs) + Math.min(...zs)) / 2 };
  }

  private screen(x: number, z: number): [number, number] {
    const { canvas, scale, middle } = this;
    return [canvas.clientWidth / 2 + (x - middle.x) * scale, canvas.clientHeight / 2 + (z - middle.z) * scale];
  }

  private onScreen(place: Vector3): [number, number] {
    return this.screen(place.x, place.z);
  }

  /** Return where somebody is drawn, in pixels of the plan. */
  spot(who: Who | "nose"): [number, number] {
    if (who !== "nose") return this.onScreen(this.scenery.positionOf(who));
    const { pose } = this.scenery;
    const [x, y] = this.onScreen(pose.position);
    const yaw = yawOf(pose.turn);
    return [x - NOSE_PX * Math.sin(yaw), y - NOSE_PX * Math.cos(yaw)];
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    const spots: (Who | "nose")[] = ["nose", "listener", ...this.scenery.players.keys()];
    let nearest = REACH_PX;
    this.drag = null;
    for (const who of spots) {
      const [x, y] = this.spot(who);
      const away = Math.hypot(event.offsetX - x, event.offsetY - y) + (who === "nose" ? 6 : 0);
      if (away < nearest) {
        nearest = away;
        this.drag = who;
      }
    }
    this.scenery.select(this.drag === "nose" ? "listener" : this.drag);
    this.canvas.classList.toggle("dragging", this.drag !== null);
  }

  private move(event: PointerEvent): void {
    if (this.drag === null) return;
    const { canvas, scale, middle } = this;
    const x = middle.x + (event.offsetX - canvas.clientWidth / 2) / scale;
    const z = middle.z + (event.offsetY - canvas.clientHeight / 2) / scale;
    if (this.drag === "nose") {
      const { position } = this.scenery.pose;
      this.scenery.listener.turnTo(Math.atan2(position.x - x, position.z - z));
      return;
    }
    this.scenery.put(this.drag, this.place.set(x, 0, z));
  }

  private key(event: KeyboardEvent): void {
    const { scenery } = this;
    const everybody: Who[] = ["listener", ...scenery.players.keys()];
    const who = scenery.selected ?? "listener";
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-STEP_M, 0],
      ArrowRight: [STEP_M, 0],
      ArrowUp: [0, -STEP_M],
      ArrowDown: [0, STEP_M],
    };
    const step = steps[event.key];
    if (step && event.shiftKey && who === "listener") scenery.listener.look(-Math.sign(step[0]) * STEP_RAD, 0);
    else if (step) {
      const place = scenery.positionOf(who);
      scenery.put(who, place.set(place.x + step[0], place.y, place.z + step[1]));
    } else if (event.key === "Enter" || event.key === "PageDown" || event.key === "PageUp") {
      const by = event.key === "PageUp" ? everybody.length - 1 : 1;
      const next = everybody[(everybody.indexOf(who) + by) % everybody.length];
      scenery.select(next);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.say();
  }

  /** Say who is selected and where, for those who do not see it. */
  private say(): void {
    const { scenery } = this;
    const who = scenery.selected ?? "listener";
    const name = who === "listener" ? "You" : scenery.players[who].name;
    const { x, z } = scenery.positionOf(who);
    const side = x < 0 ? "left" : "right";
    const depth = z < 0 ? "front" : "back";
    this.said.textContent = `${name}: ${Math.abs(x).toFixed(1)} m ${side}, ${Math.abs(z).toFixed(1)} m to the ${depth}`;
  }
}
