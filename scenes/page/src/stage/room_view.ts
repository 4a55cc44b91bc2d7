/** The floor, and the lines of the room. */

import {
  BufferAttribute,
  BufferGeometry,
  Color,
  Group,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  PlaneGeometry,
  ShaderMaterial,
} from "three";
import type { RoomDescription } from "../description";

const FLOOR_VERTEX = `
  varying vec2 place;
  void main() {
    vec4 world = modelMatrix * vec4(position, 1.0);
    place = world.xz;
    gl_Position = projectionMatrix * viewMatrix * world;
  }`;

// Lines each metre, thin at any distance, that fade away from the middle of the scene.
const FLOOR_FRAGMENT = `
  uniform vec2 middle;
  uniform float reach;
  uniform vec3 ground, line;
  varying vec2 place;
  void main() {
    vec2 width = fwidth(place);
    vec2 near = abs(fract(place - 0.5) - 0.5) / max(width, vec2(1e-5));
    float strength = (1.0 - min(min(near.x, near.y), 1.0)) * clamp(0.25 / max(width.x, width.y), 0.0, 1.0);
    float fade = smoothstep(reach, reach * 0.15, distance(place, middle));
    gl_FragColor = vec4(mix(ground, line, 0.5 * strength), fade);
  }`;

/** Return what is built: a floor at the height of the room's, or at 0, around a middle. */
export function roomView(room: RoomDescription | null, middle: [number, number], reach: number): Group {
  const group = new Group();
  const floor = new Mesh(
    new PlaneGeometry(4 * reach, 4 * reach),
    new ShaderMaterial({
      vertexShader: FLOOR_VERTEX,
      fragmentShader: FLOOR_FRAGMENT,
      uniforms: {
        middle: { value: middle },
        reach: { value: reach },
        ground: { value: new Color().setStyle("#1b2028", "srgb-linear") },
        line: { value: new Color().setStyle("#59647a", "srgb-linear") },
      },
      transparent: true,
      depthWrite: false,
    }),
  );
  floor.rotation.x = -Math.PI / 2;
  floor.position.set(middle[0], room ? room.lowest[1] : 0, middle[1]);
  floor.renderOrder = -1;
  group.add(floor);
  if (room) {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array(room.lines), 3));
    const material = new LineBasicMaterial({ color: "#6d7a92", transparent: true, opacity: 0.5 });
    group.add(new LineSegments(geometry, material));
  }
  return group;
}
