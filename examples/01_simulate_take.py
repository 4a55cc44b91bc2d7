"""Make a take without a Kinect: two players, written as a K4A MKV with its sound."""

import sys
from pathlib import Path

from capture.simulate import simulate_take

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
take = simulate_take(folder / "take", ["violin", "cello"], seconds=4.0, seed=3)
print(sorted(path.name for path in take.iterdir()))
