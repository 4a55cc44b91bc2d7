"""How a performer's condition and the audio network's features become that performer's mask."""

from separation.fusions.attention import AttentionFusion
from separation.fusions.film import FilmFusion, FilmPlace
from separation.fusions.linear import LinearFusion
from separation.fusions.multiply import MultiplyFusion

__all__ = ["AttentionFusion", "FilmFusion", "FilmPlace", "LinearFusion", "MultiplyFusion"]
