"""Render a scene for headphones and as first-order ambisonics."""

import sys
from pathlib import Path

from auralize.output.rendering import render

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
preview = render(folder / "scene.yaml", folder / "preview.wav")
render(folder / "scene.yaml", folder / "preview.ambix.wav")
print(f"{preview.duration_s:.1f} s, {preview.loudness_lufs:.1f} LUFS")
