/** The scene in three dimensions: players as clouds or figures, the room, the head, and the camera. */

import {
  AmbientLight,
  Color,
  CylinderGeometry,
  DirectionalLight,
  Fog,
  Group,
  Mesh,
  MeshBasicMaterial,
  Object3D,
  PerspectiveCamera,
  Quaternion,
  Raycaster,
  Scene,
  SphereGeometry,
  type Sprite,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import type { CloudLibrary } from "../cloud_library";
import type { Description } from "../description";
import type { Player } from "../player";
import type { Pose } from "../sound/spatial";
import { CloudPoints } from "./cloud_points";
import { floorRing, listenerFigure, playerFigure } from "./figure";
import { label } from "./label";
import { Labels } from "./labels";
import { roomView } from "./room_view";

/** A player's number, or the listener. */
export type Who = number | "listener";

interface PlayerView {
  group: Group;
  clouds: CloudPoints | null;
  figure: Group | null;
  ring: Mesh;
  label: Sprite;
  handle: Mesh;
}

const BACKGROUND = "#0e1116";

export class Stage {
  readonly camera = new PerspectiveCamera(62, 1, 0.05, 400);
  /** What carries the camera: a headset moves the camera in it. */
  readonly rig = new Group();
  readonly renderer: WebGLRenderer;
  readonly floorM: number;
  pointed: Who | null = null;
  private readonly scene = new Scene();
  private readonly views: PlayerView[];
  private readonly head = listenerFigure();
  private readonly headRing = floorRing("#f2efe9", 0.24);
  private readonly headHandle: Mesh;
  private readonly caster = new Raycaster();
  private readonly turn = new Quaternion();
  private readonly place = new Vector3();
  private readonly size = new Vector2();
  private readonly labels: Labels;
  private width = 1;
  private height = 1;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly description: Description,
    private readonly players: readonly Player[],
    private readonly library: CloudLibrary,
    middle: Vector3,
    reachM: number,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, powerPreference: "high-performance" });
    this.renderer.xr.enabled = true;
    this.floorM = description.room ? description.room.lowest[1] : 0;
    this.scene.background = new Color(BACKGROUND);
    this.scene.fog = new Fog(BACKGROUND, 2.5 * reachM, 8 * reachM);
    this.scene.add(new AmbientLight("#ffffff", 1.1));
    const sun = new DirectionalLight("#fff4e2", 1.9);
    sun.position.set(2, 5, 3);
    this.scene.add(sun, this.rig, this.head, this.headRing);
    this.rig.add(this.camera);
    this.scene.add(roomView(description.room, [middle.x, middle.z], reachM * 3));
    this.headHandle = new Mesh(new SphereGeometry(0.28), new MeshBasicMaterial());
    this.headHandle.visible = false;
    this.scene.add(this.headHandle);
    this.labels = new Labels(players);
    this.views = players.map((player) => this.playerView(player));
  }

  /** Fill a canvas, with the middle of the picture so far to the left and up as panels cover it. */
  resize(width: number, height: number, ratio: number, left: number, up: number): void {
    this.width = width;
    this.height = height;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / Math.max(height, 1);
    // A tall screen shows as much from side to side as a wide one shows from top to bottom.
    this.camera.fov = this.camera.aspect < 1 ? Math.min(62 / Math.sqrt(this.camera.aspect), 86) : 62;
    this.camera.setViewOffset(width, height, left, up, width, height);
  }

  /** Bring everybody to a time of the scene. */
  show(timeS: number, pose: Pose, heard: readonly boolean[], showHead: boolean): void {
    const slotS = this.description.slotSamples / this.description.rateHz;
    const slot = Math.max(0, Math.floor(timeS / slotS));
    this.camera.updateMatrixWorld();
    const height = this.renderer.getDrawingBufferSize(this.size).y;
    this.players.forEach((player, index) => {
      const view = this.views[index];
      player.position(timeS, this.place);
      view.group.position.copy(this.place);
      view.handle.position.copy(this.place);
      view.label.position.set(this.place.x, player.description.clouds?.topM ?? this.place.y + 0.55, this.place.z);
      view.label.position.y += 0.06;
      const isWorn = this.renderer.xr.isPresenting;
      view.label.visible = isWorn;
      this.labels.show(index, view.label.position, heard[index], this.camera, this.width, this.height);
      view.ring.position.set(this.place.x, this.floorM + 0.004, this.place.z);
      const grown = 1 + 0.5 * player.meter;
      view.ring.scale.set(grown, grown, 1);
      const isPointed = this.pointed === index;
      (view.ring.material as MeshBasicMaterial).opacity = heard[index] ? (isPointed ? 1 : 0.7) : 0.2;
      view.label.material.opacity = heard[index] ? 1 : 0.45;
      if (view.figure) {
        view.figure.quaternion.copy(player.turn(timeS, this.turn));
        for (const part of view.figure.children) {
          ((part as Mesh).material as MeshBasicMaterial).opacity = heard[index] ? 0.92 : 0.25;
        }
      }
      if (view.clouds && player.description.clouds) {
        const { rows, points } = view.clouds;
        const changed = rows.show(timeS, slot, (wanted) => this.library.get(wanted, index));
        points.position.fromArray(player.description.clouds.origin).add(player.offset);
        view.clouds.light(heard[index], isPointed);
        view.clouds.show(changed, height);
      }
    });
    if (this.views.some((view) => view.clouds)) this.library.want(slot + 1);
    this.head.visible = showHead;
    this.headRing.visible = showHead;
    this.head.position.copy(pose.position);
    this.head.quaternion.copy(pose.turn);
    this.headHandle.position.copy(pose.position);
    this.headRing.position.set(pose.position.x, this.floorM + 0.004, pose.position.z);
  }

  draw(): void {
    this.renderer.render(this.scene, this.camera);
  }

  /** Return who is at a place of the canvas (−1 … 1 from left to right and from bottom to top). */
  at(x: number, y: number, withListener: boolean): { who: Who; point: Vector3 } | null {
    this.caster.setFromCamera(new Vector2(x, y), this.camera);
    return this.hit(withListener);
  }

  /** Return who is in front of a controller. */
  along(controller: Object3D): { who: Who; point: Vector3 } | null {
    this.caster.setFromXRController(controller as never);
    return this.hit(false);
  }

  /** The ray that was cast last. */
  get ray(): { origin: Vector3; direction: Vector3 } {
    return this.caster.ray;
  }

  /** Return where a player's points are drawn around, for those who check it. */
  shownAt(index: number): Vector3 {
    return this.views[index].group.position;
  }

  pointCount(index: number): number {
    const rows = this.views[index].clouds?.rows;
    if (!rows) return 0;
    let count = 0;
    for (let i = 3; i < rows.to.length; i += 4) count += rows.to[i];
    return count;
  }

  private hit(withListener: boolean): { who: Who; point: Vector3 } | null {
    const handles: Object3D[] = this.views.map((view) => view.handle);
    if (withListener) handles.push(this.headHandle);
    const [hit] = this.caster.intersectObjects(handles, false);
    if (!hit) return null;
    const index = handles.indexOf(hit.object);
    return { who: index < this.views.length ? index : "listener", point: hit.point };
  }

  private playerView(player: Player): PlayerView {
    const { clouds, color, name, instrument } = player.description;
    const group = new Group();
    const points = clouds ? new CloudPoints(clouds, color) : null;
    const figure = clouds ? null : playerFigure(color);
    if (figure) group.add(figure);
    if (points) this.scene.add(points.points);
    const ring = floorRing(color, 0.3);
    const sign = label(name, instrument, color);
    const handle = new Mesh(new CylinderGeometry(0.36, 0.36, 1.5), new MeshBasicMaterial());
    handle.visible = false;
    this.scene.add(group, ring, sign, handle);
    return { group, clouds: points, figure, ring, label: sign, handle };
  }
}
