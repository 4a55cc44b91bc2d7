/** Names over the players, as sharp text over the picture. A headset, which shows none, has `label`. */

import { type PerspectiveCamera, Vector3 } from "three";
import { byId, make } from "../panel/dom";
import type { Player } from "../player";

export class Labels {
  private readonly elements: HTMLElement[];
  private readonly place = new Vector3();

  constructor(players: readonly Player[]) {
    this.elements = players.map(({ description }) => {
      const element = make("div", {}, make("b", { dir: "auto" }, description.name));
      if (description.instrument) {
        element.append(make("small", { dir: "auto" }, description.instrument.replaceAll("_", " ")));
      }
      element.style.setProperty("--color", description.color);
      return element;
    });
    byId("labels").append(...this.elements);
  }

  /** Put a name where it floats in space, or hide it where that is behind the camera. */
  show(index: number, where: Vector3, heard: boolean, camera: PerspectiveCamera, width: number, height: number): void {
    const { style } = this.elements[index];
    const { x, y, z } = this.place.copy(where).project(camera);
    const isSeen = z > -1 && z < 1 && Math.abs(x) < 1.2 && Math.abs(y) < 1.2;
    style.visibility = isSeen ? "visible" : "hidden";
    if (!isSeen) return;
    const left = ((x + 1) / 2) * width;
    const top = ((1 - y) / 2) * height;
    style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) translate(-50%, -100%)`;
    style.opacity = heard ? "1" : "0.45";
    // Who is nearer is in front.
    style.zIndex = String(Math.round((1 - z) * 1e5));
  }
}
