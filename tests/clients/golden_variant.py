"""The golden scene with something changed, exported."""

from __future__ import annotations

from pathlib import Path

# The golden listener's line; and a walk: forward, then turning to the left by 120°.
STANDING = "listener: {position_m: [0.5, -0.25, 1.2], yaw_deg: 20}"
WALKING = """listener:
  keyframes:
    - {time_s: 0, position_m: [0.5, -0.25, 1.2], yaw_deg: 20}
    - {time_s: 1, position_m: [1.5, -0.25, 1.2], yaw_deg: 20}
    - {time_s: 2, position_m: [1.5, -0.25, 1.6], yaw_deg: 140}
"""
WALK = {
    # seconds: place, yaw
    0.0: ((0.5, -0.25, 1.2), 20.0),
    0.5: ((1.0, -0.25, 1.2), 20.0),
    1.0: ((1.5, -0.25, 1.2), 20.0),
    1.5: ((1.5, -0.25, 1.4), 80.0),
    2.0: ((1.5, -0.25, 1.6), 140.0),
}


def export_variant(golden: Path, name: str, target: str, out: Path, *, old: str, new: str) -> Path:
    """Export the golden scene with a part of its text replaced; return the folder.

    Args:
        golden: The golden scene.
        name: Of the changed scene file, which is written beside it.
        target: Where it goes.
        out: The folder.
        old: What is replaced; all that comes after it goes, too, where it ends with a colon.
        new: What comes there.
    """
    from auralize.exporting import export

    text = golden.read_text(encoding="utf-8")
    before, found, after = text.partition(old)
    assert found
    path = golden.with_name(f"{name}.yaml")
    path.write_text(before + new + ("" if old.endswith(":") else after), encoding="utf-8")
    export(path, target, out)
    return out
