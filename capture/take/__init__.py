"""Takes: recordings of an ensemble, their point clouds and their sound on one timeline.

Names are imported when they are first used: who writes a take.json needs no images.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from capture.take.lazy_take import Take
    from capture.take.opening import open_take

__all__ = ["Take", "open_take"]

_HOMES = {"Take": "capture.take.lazy_take", "open_take": "capture.take.opening"}

__getattr__ = lazy(__name__, _HOMES)
