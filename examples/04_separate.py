"""Separate the sound into one stem per player."""

import sys
from pathlib import Path

from capture.performer import read_performers
from capture.take import open_take
from separation.checkpoint import load_model
from separation.separator import separate
from separation.stem_folder import write_separation

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
performers = read_performers(folder / "performers")
with open_take(folder / "take") as take:
    separation = separate(
        take.sound,
        performers,
        load_model(),
        center_channel=take.center_channel,
        microphones_m=take.microphones_m,
    )
write_separation(folder / "stems", separation)
print(
    [stem.name for stem in separation.stems], f"residual {separation.manifest.residual_db:.1f} dB"
)
