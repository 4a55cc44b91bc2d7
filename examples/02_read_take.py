"""Read a take: point clouds in the world frame, and the microphones."""

import sys
from pathlib import Path

from capture.point_cloud import write_ply
from capture.take import open_take

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
with open_take(folder / "take") as take:
    cloud = take.image_point_cloud(0)
    sound = take.audio(start_s=1.0, stop_s=2.0)
    write_ply(folder / "first.ply", cloud)
    print(f"{len(take.times_s)} depth images, {take.duration_s:.1f} s of sound")
    print(f"{len(cloud)} points, the lowest {cloud.positions_m[:, 2].min():.2f} m")
    print(f"{sound.channel_count} microphones at {sound.sample_rate_hz} Hz")
