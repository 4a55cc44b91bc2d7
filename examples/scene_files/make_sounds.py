"""Make the sounds of these scenes: six seconds of a quartet, each player alone, as small Ogg files.

They are committed; run this only to make others.
"""

from pathlib import Path

import numpy as np
import soundfile

from capture.simulate.sampler import play_part
from capture.simulate.score import compose

SECONDS = 6.0
PLAYERS = ("violin", "viola", "cello", "saxophone")

folder = Path(__file__).parent / "sounds"
folder.mkdir(exist_ok=True)
for number, part in enumerate(compose(PLAYERS, SECONDS, seed=12)):
    sound = play_part(part, SECONDS, rng=np.random.default_rng(number))
    path = folder / f"{part.instrument}.ogg"
    samples = sound.samples[0] * (0.5 / np.abs(sound.samples).max())
    soundfile.write(path, samples, sound.sample_rate_hz, format="OGG", subtype="VORBIS")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
