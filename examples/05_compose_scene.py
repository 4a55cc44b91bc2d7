"""Put the stems where the players are, and write the scene YAML."""

import sys
from pathlib import Path

from auralize.compose import compose_scene
from capture.performer import read_performers
from scenes import write_scene
from separation.stem_folder import read_separation

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "example")
performers = read_performers(folder / "performers")
manifest = read_separation(folder / "stems").manifest
scene = compose_scene(
    "Two players",
    performers,
    {performer.name: f"stems/{performer.name}.wav" for performer in performers},
    sample_rate_hz=manifest.sample_rate_hz,
    duration_s=manifest.sample_count / manifest.sample_rate_hz,
)
write_scene(folder / "scene.yaml", scene)
print((folder / "scene.yaml").read_text())
