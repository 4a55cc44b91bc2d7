/** Buttons and sliders that are there once: view, transport, volume, room, sensors, headset, help. */

import type { App } from "../app";
import { Headset } from "../controls/headset";
import { KEY_HELP } from "../controls/keys";
import { Sensors } from "../controls/sensors";
import { notice } from "../notice";
import { byId, decibels, make } from "./dom";

export class Switches {
  private readonly sensors: Sensors;

  constructor(private readonly app: App) {
    const { scenery } = app;
    this.sensors = new Sensors(scenery.listener);
    byId("play").addEventListener("click", () => scenery.playback?.toggle());
    byId("loop").addEventListener("click", () => {
      if (scenery.playback) scenery.playback.loop = !scenery.playback.loop;
    });
    byId("outside").addEventListener("click", () => app.toggleView());
    byId("reset").addEventListener("click", () => scenery.reset());
    byId("follow").addEventListener("click", () => {
      scenery.listener.following = true;
    });
    byId("help-button").addEventListener("click", () => app.toggleHelp());
    byId("help-close").addEventListener("click", () => app.toggleHelp());
    byId("notice-close").addEventListener("click", () => {
      byId("notice").hidden = true;
    });
    byId("show-players").addEventListener("click", () => {
      const isOpen = document.body.classList.toggle("players-open");
      byId("show-players").setAttribute("aria-expanded", String(isOpen));
    });
    const keys = byId("key-list");
    for (const [key, does] of KEY_HELP) keys.append(make("dt", {}, key), make("dd", {}, does));
    this.slider("volume", (db) => {
      app.volume = db <= -40 ? 0 : 10 ** (db / 20);
      const { graph } = scenery;
      graph?.volume.gain.setTargetAtTime(app.volume, graph.context.currentTime, 0.015);
    });
    byId("room-row").hidden = !app.description.roomResponse;
    this.slider("room", (db) => {
      app.room = db <= -40 ? 0 : 10 ** (db / 20);
      const { graph } = scenery;
      graph?.roomGain.gain.setTargetAtTime(app.room, graph.context.currentTime, 0.015);
    });
    this.wireSensors();
    void this.wireHeadset();
  }

  private slider(id: string, set: (db: number) => void): void {
    const input = byId<HTMLInputElement>(id);
    const shown = byId<HTMLOutputElement>(`${id}-shown`);
    const show = (): void => {
      const db = Number(input.value);
      const low = Number(input.min);
      const text = db <= low ? "off" : decibels(db);
      shown.value = text;
      input.setAttribute("aria-valuetext", text);
      input.style.setProperty("--part", `${(100 * (db - low)) / (Number(input.max) - low)}%`);
      set(db);
    };
    input.addEventListener("input", show);
    input.addEventListener("dblclick", () => {
      input.value = "0";
      show();
    });
    show();
  }

  private wireSensors(): void {
    const button = byId("sensors");
    button.hidden = !Sensors.exist;
    button.addEventListener("click", async () => {
      try {
        if (this.sensors.on) this.sensors.stop();
        else await this.sensors.start();
      } catch (error) {
        notice(error as Error);
      }
      button.setAttribute("aria-pressed", String(this.sensors.on));
    });
  }

  private async wireHeadset(): Promise<void> {
    const button = byId("vr");
    const { headset } = this.app;
    if (!headset || !(await Headset.exists())) return;
    button.hidden = false;
    headset.onChange = () => this.app.scenery.onChange();
    button.addEventListener("click", () => headset.toggle().catch(notice));
  }
}
