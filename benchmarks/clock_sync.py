"""How well images and sound are lined up by their time stamps, over an hour of drifting clocks.

    python -m benchmarks.clock_sync

Arrivals jitter by 5 ms, 1 % are 50 ms late, and the sound card's rate wanders by 20 ppm. The error
is where an image is put in the sound against where it was taken: the largest of each hour, the
worst and the median over the seeds. Next to it a straight line by least squares.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import product

import numpy as np

from capture.simulate.clocks import SimulatedClocks


def straight_line_ms(clocks: SimulatedClocks) -> float:
    """Return the largest error of the usual way: lines by least squares, all stamps believed."""
    host_of_camera = np.polyfit(clocks.images_s, clocks.arrivals(clocks.images_s), 1)
    sound_of_host = np.polyfit(clocks.arrivals(clocks.blocks_s), clocks.sound(clocks.blocks_s), 1)
    placed = np.polyval(sound_of_host, np.polyval(host_of_camera, clocks.images_s))
    return 1e3 * float(np.abs(placed - clocks.sound(clocks.images_s)).max())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"an hour, {options.seeds} seeds a row; load {load:.1f}\n")
    print(f"{'drift':>9} {'wander':>22} {'worst':>9} {'median':>9} {'a line':>9} {'CPU':>8}")
    overall = 0.0
    wanders = ((None, "10 min to 2 h, mixed"), (600.0, "10 min"), (3600.0, "1 h"))
    for row, (drift_ppm, (period_s, name)) in enumerate(product((50, -200, 373, 500), wanders)):
        seeds = range(1000 * row, 1000 * row + options.seeds)
        worst_ms: list[float] = []
        line_ms: list[float] = []
        started = time.process_time()
        for seed in seeds:
            clocks = SimulatedClocks(seed, drift=drift_ppm * 1e-6, period_s=period_s)
            worst_ms.append(1e3 * float(np.abs(clocks.error_s(clocks.fit())).max()))
        seconds = (time.process_time() - started) / options.seeds
        for seed in seeds:
            line_ms.append(
                straight_line_ms(SimulatedClocks(seed, drift=drift_ppm * 1e-6, period_s=period_s))
            )
        overall = max(overall, *worst_ms)
        print(
            f"{drift_ppm:+5d} ppm {name:>22} {max(worst_ms):6.2f} ms "
            f"{np.median(worst_ms):6.2f} ms {max(line_ms):6.1f} ms {seconds:6.2f} s"
        )
    print(f"\nlargest error of all: {overall:.2f} ms (wanted: 2 ms)")


if __name__ == "__main__":
    main()
