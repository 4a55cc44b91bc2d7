/** A name that floats in space. It is drawn, so no text of a scene ever becomes part of the page. */

import { CanvasTexture, LinearFilter, Sprite, SpriteMaterial, SRGBColorSpace } from "three";

const SCALE = 3;
const HEIGHT_M = 0.115;
const MOST = 28;

export function label(name: string, instrument: string | null, color: string): Sprite {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  const big = `600 ${15 * SCALE}px system-ui, sans-serif`;
  const small = `${11.5 * SCALE}px system-ui, sans-serif`;
  const title = shortened(name);
  const under = instrument ? shortened(instrument.replaceAll("_", " ")) : "";
  pen.font = big;
  const width = Math.max(pen.measureText(title).width, pen.measureText(under).width) + 44 * SCALE;
  canvas.width = Math.ceil(width);
  canvas.height = (under ? 44 : 28) * SCALE;
  pen.fillStyle = "rgba(13, 16, 21, 0.78)";
  pen.beginPath();
  pen.roundRect(0, 0, canvas.width, canvas.height, 10 * SCALE);
  pen.fill();
  pen.fillStyle = color;
  pen.beginPath();
  pen.arc(15 * SCALE, 14.5 * SCALE, 4.5 * SCALE, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#f2efe9";
  pen.font = big;
  pen.textBaseline = "middle";
  pen.fillText(title, 27 * SCALE, 15 * SCALE);
  pen.fillStyle = "#aab1bb";
  pen.font = small;
  if (under) pen.fillText(under, 27 * SCALE, 31.5 * SCALE);
  const map = new CanvasTexture(canvas);
  map.colorSpace = SRGBColorSpace;
  map.minFilter = LinearFilter;
  map.generateMipmaps = false;
  const sprite = new Sprite(new SpriteMaterial({ map, transparent: true, depthWrite: false }));
  const height = under ? HEIGHT_M * 1.5 : HEIGHT_M;
  sprite.scale.set((height * canvas.width) / canvas.height, height, 1);
  sprite.center.set(0.5, 0);
  return sprite;
}

export function shortened(text: string): string {
  const letters = [...text];
  return letters.length > MOST ? `${letters.slice(0, MOST - 1).join("")}…` : text;
}
