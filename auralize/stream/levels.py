"""How loud the sources of a scene are while it is played."""

from __future__ import annotations

from scenes.scene import Scene


class Levels:
    """What a mixing desk says: a gain for each source, which are muted, and which are solo."""

    def __init__(self, scene: Scene) -> None:
        """Begin as the scene says."""
        self.gains_db = {source.name: source.gain_db for source in scene.sources}
        self.muted = {source.name: source.mute for source in scene.sources}
        self.solo = {source.name: source.solo for source in scene.sources}

    def factor(self, name: str) -> float:
        """Return the factor of a source."""
        silent = self.muted[name] or (any(self.solo.values()) and not self.solo[name])
        return 0.0 if silent else 10 ** (self.gains_db[name] / 20)
