"""Target `usd`: USD with SpatialAudio for Unreal, Omniverse and others, and USDZ for Vision Pro."""

from scenes.export.usd.writing import write

__all__ = ["write"]
