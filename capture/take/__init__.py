"""Takes: recordings of an ensemble, their point clouds and their sound on one timeline."""

from capture.take.lazy_take import Take
from capture.take.opening import open_take

__all__ = ["Take", "open_take"]
