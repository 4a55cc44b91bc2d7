"""How well claps that the depth camera sees calibrate the microphones, on simulated takes.

    python -m benchmarks.microphone_claps

In each take another person claps at twelve places across the view, before another sensor height,
tilt, ring of microphones and lateness of the images. Nothing is typed in. Errors: of the clap's
place; of the rotation; of the offset along front, left, up, in brackets where the claps are said
not to show it (then it is the default's).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from capture.errors import DataError
from capture.microphones import MicrophoneGeometry
from capture.microphones.calibration import calibrate_by_claps
from capture.pose import Pose
from capture.simulate.clapper import Clapper, Standing, film_clapper
from capture.simulate.kinect import camera_pose
from capture.take import open_take


def scene(seed: int, count: int) -> tuple[Clapper, Pose, MicrophoneGeometry, float]:
    """Draw who claps where, the camera, the ring, and how late the images are."""
    rng = np.random.default_rng([seed, 77])
    azimuths = np.radians(np.linspace(-27, 27, count) + rng.uniform(-3, 3, count))
    rng.shuffle(azimuths)
    standing: list[Standing] = []
    for azimuth in azimuths:
        # At the edges of the view a body that is near is cut off.
        away_m = rng.uniform(0.9 + 0.8 * abs(azimuth), 1.9)
        yaw = np.pi + azimuth + rng.uniform(-0.25, 0.25)
        ahead_m = rng.uniform(0.28, 0.36)
        place = away_m * np.array([np.cos(azimuth), np.sin(azimuth)])
        place -= ahead_m * np.array([np.cos(yaw), np.sin(yaw)])
        standing.append(
            Standing(
                position_m=(float(place[0]), float(place[1])),
                yaw_rad=float(yaw),
                hands_m=(ahead_m, rng.uniform(-0.05, 0.05), rng.uniform(-0.2, 0.15)),
            )
        )
    claps_s = 1.3 + np.cumsum(np.concatenate([[0], rng.uniform(2.0, 2.6, count - 1)]))
    clapper = Clapper(
        claps_s.tolist(),
        rng,
        body_id=seed % 16,
        standing=standing,
        apart_m=rng.uniform(0.32, 0.5),
    )
    camera = camera_pose(rng.uniform(1.0, 1.5), rng.uniform(0.0, 0.2), rng.uniform(-0.03, 0.03))
    front, left, up = rng.uniform([-0.06, -0.03, 0.0], [0.0, 0.03, 0.04])
    geometry = MicrophoneGeometry(rotation_rad=rng.uniform(-3, 3), offset_m=(front, left, up))
    return clapper, camera, geometry, float(rng.uniform(0, 0.12))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=12)
    parser.add_argument("--claps", type=int, default=12)
    options = parser.parse_args()
    print(f"{'seen':>7} {'place':>7} {'rotation':>9} {'stated':>7}   offset front, left, up")
    places_cm: list[float] = []
    turned_deg: list[float] = []
    for seed in range(options.takes):
        clapper, camera, true, late_s = scene(seed, options.claps)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "claps.mkv")
            film_clapper(
                path,
                clapper,
                seconds=clapper.claps_s[-1] + 1,
                late_s=late_s,
                rate_hz=48_000,
                geometry=true,
                camera=camera,
                fps=30 if seed % 2 else 15,
                seed=seed,
            )
            with open_take(path) as take:
                try:
                    fit, found = calibrate_by_claps(take)
                except DataError as error:
                    print(f"refused: {error}")
                    continue
        off_cm: list[float] = []
        for clap in found.located:
            at_s = min(clapper.claps_s, key=lambda time_s: abs(time_s - clap.time_s))
            placed = camera.transform(clap.position_m[None])[0]
            off_cm.append(100 * float(np.linalg.norm(placed - clapper.hands_m(at_s))))
        turned = np.degrees(fit.geometry.rotation_rad - true.rotation_rad)
        turned = (turned + 180) % 360 - 180
        places_cm += off_cm
        turned_deg.append(abs(float(turned)))
        moved = 100 * np.subtract(fit.geometry.offset_m, true.offset_m)
        shown = [
            f"({value:+.1f})" if std is None else f"{value:+.1f}"
            for value, std in zip(moved, fit.offset_std_m, strict=True)
        ]
        print(
            f"{len(off_cm):>3}/{options.claps:<3} {np.median(off_cm):>4.1f} cm {turned:>+8.1f}° "
            f"{np.degrees(fit.rotation_std_rad):>6.1f}°   {', '.join(shown)} cm",
            flush=True,
        )
    print(
        f"\nplaces: median {np.median(places_cm):.1f} cm, 95 % {np.percentile(places_cm, 95):.1f} "
        f"cm, of {len(places_cm)}; rotation: median {np.median(turned_deg):.1f}°, most "
        f"{max(turned_deg):.1f}°"
    )


if __name__ == "__main__":
    main()
