"""Ways to bring performers' conditions and audio features together."""

from separation.fusions.linear import LinearFusion

__all__ = ["LinearFusion"]
