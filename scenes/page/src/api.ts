/** `window.auralize`: what tests and pages that embed this one may ask and do. */

import { Vector3 } from "three";
import type { App } from "./app";
import { renderOffline } from "./sound/offline";

export interface RenderRequest {
  fromS?: number;
  seconds?: number;
}

export function makeApi(app: App) {
  const { scenery } = app;
  const flat = ({ x, y, z }: Vector3): number[] => [x, y, z];
  return {
    /** Everything that can be seen and heard, in numbers; positions in metres, x right, y up, −z front. */
    state() {
      const { pose, timeS, playback, graph, stage } = scenery;
      return {
        title: scenery.description.title,
        state: playback?.state ?? "waiting",
        timeS,
        durationS: playback?.durationS ?? 0,
        loop: playback?.loop ?? false,
        outside: scenery.isOutside,
        following: scenery.listener.following,
        contextRateHz: graph?.context.sampleRate ?? 0,
        framesASecond: app.framesASecond,
        headsetFrames: app.headset?.frames ?? 0,
        listener: { position: flat(pose.position), turn: pose.turn.toArray() },
        camera: stage ? flat(stage.camera.getWorldPosition(new Vector3())) : null,
        sources: scenery.players.map((player, index) => ({
          name: player.name,
          position: flat(player.position(timeS, new Vector3())),
          heardAt: graph ? flat(graph.strips[index].spatial.position) : null,
          shownAt: stage ? flat(stage.shownAt(index)) : null,
          points: stage?.pointCount(index) ?? 0,
          heard: scenery.heard[index],
          gain: graph?.strips[index].fader.gain.value ?? 0,
          mute: player.mute,
          solo: player.solo,
          gainDb: player.gainDb,
        })),
      };
    },
    play: () => scenery.playback?.play(),
    pause: () => scenery.playback?.pause(),
    seek: (timeS: number) => scenery.playback?.seek(timeS),
    /** Where somebody is drawn in the plan, in pixels of it. */
    spot: (who: number | "listener" | "nose") => app.plan.spot(who),
    /** A stem as it was decoded and cut, from 240 samples before its slot on: base64 of float32. */
    async stem(index: number, slot: number): Promise<string | null> {
      const buffer = (await app.stems.slot(slot))[index];
      return buffer && base64([buffer.getChannelData(0)]);
    },
    /** Left and right ear, as they would be heard: base64 of float32, one ear after the other. */
    async render({ fromS = 0, seconds = 1 }: RenderRequest = {}): Promise<string> {
      const buffer = await renderOffline(scenery.description, scenery.players, app.stems, await app.heads, {
        fromS,
        seconds,
        volume: app.volume,
        room: app.room,
        pose: (timeS) => scenery.listener.at(timeS),
      });
      return base64([buffer.getChannelData(0), buffer.getChannelData(1)]);
    },
  };
}

function base64(channels: Float32Array[]): string {
  let text = "";
  for (const channel of channels) {
    const bytes = new Uint8Array(channel.buffer, channel.byteOffset, channel.byteLength);
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}
