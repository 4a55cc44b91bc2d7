"""Which wind instruments there are, and how to make one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from capture.simulate.winds.bassoon import make_bassoon
from capture.simulate.winds.clarinet import make_clarinet
from capture.simulate.winds.flute import make_flute
from capture.simulate.winds.horn import make_horn
from capture.simulate.winds.oboe import make_oboe
from capture.simulate.winds.saxophone import make_saxophone
from capture.simulate.winds.trombone import make_trombone
from capture.simulate.winds.trumpet import make_trumpet
from capture.simulate.winds.tuba import make_tuba
from capture.simulate.winds.wind import Wind

_MAKERS: dict[str, Callable[[np.random.Generator, float], Wind]] = {
    "flute": make_flute,
    "clarinet": make_clarinet,
    "trumpet": make_trumpet,
    "oboe": make_oboe,
    "bassoon": make_bassoon,
    "horn": make_horn,
    "trombone": make_trombone,
    "tuba": make_tuba,
}

WINDS: tuple[str, ...] = ("saxophone", *_MAKERS)


def make_wind(name: str, scale: float, flare: float, rng: np.random.Generator) -> Wind:
    """Return a wind instrument.

    Args:
        name: One of `WINDS`.
        scale: Beside the standard size of that instrument.
        flare: Share by which its bell is wider than usual.
        rng: Draws what else differs from maker to maker.
    """
    if name == "saxophone":
        return make_saxophone(scale, rng)
    return _MAKERS[name](rng, flare).scaled(scale)
