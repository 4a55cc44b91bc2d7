/** Draws a player's rows of points, gliding from cloud to cloud. */

import { BufferAttribute, BufferGeometry, Color, DynamicDrawUsage, Points, ShaderMaterial } from "three";
import { CloudRows } from "../clouds";
import type { CloudsDescription } from "../description";

const VERTEX = `
  uniform float mixing, stepM, spacingM, viewHeight;
  attribute vec4 from4, to4;
  attribute vec3 tone;
  varying vec3 seen;
  void main() {
    vec4 place = mix(from4, to4, mixing);
    vec4 eye = modelViewMatrix * vec4(place.xyz * stepM, 1.0);
    gl_Position = place.w < 0.02 ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * eye;
    float size = spacingM * 1.8 * place.w * projectionMatrix[1][1] * 0.5 * viewHeight / -eye.z;
    gl_PointSize = clamp(size, 1.0, 40.0);
    seen = tone;
  }`;

const FRAGMENT = `
  uniform vec3 tint;
  uniform float tinted, light;
  varying vec3 seen;
  void main() {
    vec2 side = gl_PointCoord - 0.5;
    float away = dot(side, side);
    if (away > 0.25) discard;
    // Dark cameras and dark clothes: lift the shadows, and round each point a little.
    vec3 lifted = pow(seen, vec3(0.72)) * (1.0 - 0.9 * away);
    vec3 grey = vec3(dot(lifted, vec3(0.3, 0.6, 0.1)));
    gl_FragColor = vec4(mix(grey, mix(lifted, tint, tinted), light) * mix(0.5, 1.0, light), 1.0);
  }`;

export class CloudPoints {
  readonly points: Points<BufferGeometry, ShaderMaterial>;
  readonly rows: CloudRows;

  constructor(description: CloudsDescription, color: string) {
    this.rows = new CloudRows(description);
    const geometry = new BufferGeometry();
    const attribute = (array: Int16Array | Uint8Array, normalized: boolean): BufferAttribute =>
      new BufferAttribute(array, 4, normalized).setUsage(DynamicDrawUsage);
    geometry.setAttribute("from4", attribute(this.rows.from, false));
    geometry.setAttribute("to4", attribute(this.rows.to, false));
    geometry.setAttribute("tone", attribute(this.rows.colors, true));
    geometry.setDrawRange(0, description.rows);
    const material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: {
        mixing: { value: 0 },
        stepM: { value: description.stepM },
        spacingM: { value: description.spacingM },
        viewHeight: { value: 800 },
        // The shader writes what is shown: no conversion to linear light and back.
        tint: { value: new Color().setStyle(color, "srgb-linear") },
        tinted: { value: 0 },
        light: { value: 1 },
      },
    });
    this.points = new Points(geometry, material);
    this.points.frustumCulled = false;
    this.points.position.fromArray(description.origin);
  }

  /** Show what `rows` holds. */
  show(changed: boolean, viewHeight: number): void {
    const { uniforms } = this.points.material;
    uniforms.mixing.value = this.rows.mixing;
    uniforms.viewHeight.value = viewHeight;
    if (!changed) return;
    for (const name of ["from4", "to4", "tone"]) this.points.geometry.getAttribute(name).needsUpdate = true;
  }

  /** Grey when it is not heard; tinted when it is pointed at. */
  light(heard: boolean, pointed: boolean): void {
    this.points.material.uniforms.light.value = heard ? 1 : 0;
    this.points.material.uniforms.tinted.value = pointed ? 0.35 : 0;
  }
}
