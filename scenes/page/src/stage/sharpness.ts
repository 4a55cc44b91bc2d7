/** How many pixels are drawn: as many as the screen has, and fewer where that would be slow. */

const LOWEST_HZ = 28;
const HIGHEST_HZ = 55;
const LOOK_MS = 1000;
const STEPS = [1, 0.75, 0.6, 0.5];

export class Sharpness {
  onChange: () => void = () => {};
  private step = 0;
  private frames = 0;
  private sinceMs = 0;
  private good = 0;
  private isStill = false;

  /** Pixels drawn for each of the page. */
  get ratio(): number {
    return Math.min(window.devicePixelRatio, 2) * (this.isStill ? 1 : STEPS[this.step]);
  }

  /** Whether nothing moves: then there is time for every pixel. */
  get still(): boolean {
    return this.isStill;
  }

  set still(on: boolean) {
    if (on === this.isStill) return;
    this.isStill = on;
    this.sinceMs = 0;
    if (this.step > 0) this.onChange();
  }

  /** Count a frame; look each second whether they come too slowly. */
  frame(ms: number): void {
    if (this.isStill) return;
    this.frames++;
    const passed = ms - this.sinceMs;
    if (passed < LOOK_MS) return;
    const rateHz = (1000 * this.frames) / passed;
    this.frames = 0;
    this.sinceMs = ms;
    // The first second, and those in which the page was hidden, say nothing.
    if (passed > 3 * LOOK_MS) return;
    this.good = rateHz > HIGHEST_HZ ? this.good + 1 : 0;
    if (rateHz < LOWEST_HZ && this.step < STEPS.length - 1) this.change(1);
    else if (this.good > 8 && this.step > 0) this.change(-1);
  }

  private change(by: number): void {
    this.step += by;
    this.good = 0;
    this.onChange();
  }
}
