/** What would be heard, computed instead of played: for tests and for those who embed the page. */

import { Vector3 } from "three";
import type { Description } from "../description";
import type { Player } from "../player";
import { type Heads, SoundGraph } from "./graph";
import { startSlot, wayKeys } from "./playback";
import type { Pose } from "./spatial";
import type { Stems } from "./stems";

const UPDATE_S = 0.02;

export interface OfflineRequest {
  fromS: number;
  seconds: number;
  volume: number;
  room: number;
  pose: (timeS: number) => Pose;
}

/** Return both ears of a piece of the scene, with the same graph that plays it. */
export async function renderOffline(
  description: Description,
  players: readonly Player[],
  stems: Stems,
  heads: Heads,
  request: OfflineRequest,
): Promise<AudioBuffer> {
  const { rateHz, slotSamples } = description;
  const { fromS, seconds, pose } = request;
  const context = new OfflineAudioContext(2, Math.ceil(seconds * rateHz), rateHz);
  const graph = new SoundGraph(context, description, players, heads);
  graph.volume.gain.value = request.volume;
  graph.roomGain.gain.value = request.room;
  const slotS = slotSamples / rateHz;
  const place = new Vector3();
  const front = new Vector3();
  const up = new Vector3();
  const look = (contextS: number): void => {
    const head = pose(fromS + contextS);
    graph.listen(head, front, up, contextS);
    for (const player of players) {
      graph.strips[player.index].spatial.update(player.position(fromS + contextS, place), head, contextS);
    }
  };
  for (const player of players) {
    const { spatial } = graph.strips[player.index];
    spatial.put(player.position(fromS, place), 0);
    if (player.path.moves) spatial.follow(wayKeys(player, fromS, fromS + seconds, 0));
  }
  look(0);
  const first = Math.floor(fromS / slotS);
  const last = Math.min(Math.ceil((fromS + seconds) / slotS), stems.count);
  for (let slot = first; slot < last; slot++) {
    const startS = Math.max(slot * slotS, fromS);
    startSlot(graph, await stems.slot(slot), {
      contextS: startS - fromS,
      intoS: startS - slot * slotS,
      isContinued: slot > first,
      rateHz,
    });
  }
  // Firefox cannot stop on the way: there, a head that moves stays as it is at the start.
  const isStoppable = typeof context.suspend === "function";
  for (let time = UPDATE_S; isStoppable && time < seconds; time += UPDATE_S) {
    void context.suspend(time).then(() => {
      look(context.currentTime);
      void context.resume();
    });
  }
  return context.startRendering();
}
