"""Find the players of a take and follow them."""

import sys
from pathlib import Path

from capture.performer import write_performers
from capture.players import find_performers
from capture.take import open_take

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
with open_take(folder / "take") as take:
    performers = find_performers(take)
write_performers(folder / "performers", performers)
for performer in performers:
    x, y, z = performer.trajectory.mean_position_m
    print(f"{performer.name}: {x:.2f} m in front, {y:.2f} m to the left, centroid {z:.2f} m high")
