/** Bodies without clouds: a player as a simple figure, and the head of the listener. */

import {
  CapsuleGeometry,
  Color,
  ConeGeometry,
  Group,
  Mesh,
  MeshLambertMaterial,
  RingGeometry,
  MeshBasicMaterial,
  SphereGeometry,
  TorusGeometry,
  DoubleSide,
} from "three";

/** A figure around the source's own height, from the floor (negative) up. */
export function playerFigure(color: string): Group {
  const group = new Group();
  const material = new MeshLambertMaterial({ color: new Color(color), transparent: true, opacity: 0.92 });
  const body = new Mesh(new CapsuleGeometry(0.17, 0.5, 6, 20), material);
  body.position.y = -0.15;
  const head = new Mesh(new SphereGeometry(0.115, 24, 16), material);
  head.position.y = 0.42;
  const nose = new Mesh(new ConeGeometry(0.03, 0.07, 12), material);
  nose.rotation.x = -Math.PI / 2;
  nose.position.set(0, 0.42, -0.13);
  group.add(body, head, nose);
  return group;
}

/** The listener: a head with headphones, looking to −z. */
export function listenerFigure(): Group {
  const group = new Group();
  const skin = new MeshLambertMaterial({ color: "#e9dfd0" });
  const dark = new MeshLambertMaterial({ color: "#39414f" });
  const head = new Mesh(new SphereGeometry(0.12, 28, 20), skin);
  head.scale.set(0.85, 1.08, 1);
  const nose = new Mesh(new ConeGeometry(0.028, 0.07, 12), skin);
  nose.rotation.x = -Math.PI / 2;
  nose.position.set(0, -0.01, -0.14);
  const band = new Mesh(new TorusGeometry(0.128, 0.014, 10, 28, Math.PI), dark);
  const cups = [-1, 1].map((side) => {
    const cup = new Mesh(new SphereGeometry(0.05, 16, 12), dark);
    cup.scale.x = 0.55;
    cup.position.x = side * 0.115;
    return cup;
  });
  group.add(head, nose, band, ...cups);
  return group;
}

/** A ring on the floor that tells where someone stands. */
export function floorRing(color: string, radius: number): Mesh<RingGeometry, MeshBasicMaterial> {
  const ring = new Mesh(
    new RingGeometry(radius * 0.86, radius, 56),
    new MeshBasicMaterial({ color, transparent: true, opacity: 0.75, side: DoubleSide, depthWrite: false }),
  );
  ring.rotation.x = -Math.PI / 2;
  return ring;
}
