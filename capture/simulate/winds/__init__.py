"""Wind instruments: their shapes, and where hands and lips hold them."""

from capture.simulate.winds.making import WINDS, make_wind
from capture.simulate.winds.wind import Grip, Wind

__all__ = ["WINDS", "Grip", "Wind", "make_wind"]
