/** What the exporter says about a scene (scenes/export/web/description.py writes it). */

/** Keys over time in flat lists: xyz positions in metres and xyzw quaternions. */
export interface PathDescription {
  timesS: number[];
  positions: number[];
  turns: number[];
}

export interface CloudsDescription {
  stepM: number;
  origin: [number, number, number];
  spacingM: number;
  /** How high the first cloud reaches. */
  topM: number;
  rows: number;
}

export interface SourceDescription {
  name: string;
  id: string;
  instrument: string | null;
  color: string;
  gainDb: number;
  /** Factor from decoded samples to the stem's. */
  level: number;
  referenceDistanceM: number;
  heard: boolean;
  path: PathDescription;
  /** Base64 of levels, five a second: 0 is −48 dB of the loudest, 255 the loudest. */
  loudness: string;
  clouds: CloudsDescription | null;
}

export interface RoomDescription {
  /** Pairs of ends, xyz each. */
  lines: number[];
  lowest: [number, number, number];
  highest: [number, number, number];
}

export interface Description {
  format: string;
  title: string;
  rateHz: number;
  sceneRateHz: number;
  durationSamples: number;
  slotSamples: number;
  leadSamples: number;
  nearestM: number;
  inline: boolean;
  roomResponse: boolean;
  head: boolean;
  probe: { impulse: number; mp3: string };
  listener: PathDescription;
  room: RoomDescription | null;
  sources: SourceDescription[];
}

const FORMAT = "auralize-page-1";

/** Read the scene out of the page; throws a message for people where there is none. */
export function readDescription(): Description {
  const text = document.getElementById("scene")?.textContent?.trim() ?? "";
  if (text === "") {
    throw new Error("This page holds no scene yet: `auralize export scene.yaml --to web` puts one in.");
  }
  const description = JSON.parse(text) as Description;
  if (description.format !== FORMAT) {
    throw new Error(`This page shows ${FORMAT}, and the scene is ${description.format}.`);
  }
  return description;
}
