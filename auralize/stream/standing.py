"""Sources that stand still in front of a listener who does: filtered with filters that stay."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from auralize.dsp.convolution import StaticFilter, even_length
from auralize.dsp.fourier import irfft
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.colour import colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.straight_way import straight_way

# Samples after a response, for what a delay by a part of a sample rings there.
_TAIL = 24


class StandingSources:
    """Renders sources whose direction does not change, with all taps of their responses."""

    def __init__(
        self, sources: list[HeardSource], interpolator: HrtfInterpolator, *, block: int
    ) -> None:
        """Prepare for blocks of `block` samples."""
        self._sources = sources
        self._block = block
        filters = [whole_response(source, interpolator) for source in sources]
        taps = max(response.shape[1] for response in filters)
        filters = [np.pad(part, ((0, 0), (0, taps - part.shape[1]))) for part in filters]
        self._filter = StaticFilter(np.stack(filters), block)
        # The responses are late by this, so sounds are read as much ahead.
        self._start = interpolator.early_samples
        past = self._filter.past
        self._filter.set_past(np.stack([s.read(self._start - past, past) for s in sources]))

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add the next block."""
        sounds = np.stack([source.read(self._start, self._block) for source in self._sources])
        out += self._filter.process(sounds)
        self._start += self._block


def whole_response(
    source: HeardSource, interpolator: HrtfInterpolator
) -> Float32[np.ndarray, "2 taps"]:
    """Return a source's responses at the two ears, later by the interpolator's `early_samples`.

    Nothing of what rings before a response is cut off, just as where a source moves.
    """
    taps = interpolator.aligned_tap_count + colour_taps(source)
    length = even_length(2 * taps)
    way = straight_way(source, np.zeros(1), interpolator.hrtf)
    delays, spectra = interpolator.aligned_spectra(way.directions, length)
    turns = delays[..., None] * (np.arange(length // 2 + 1) / length)
    spectra *= way.gains.astype(np.float32)[:, None, None]
    colour = way.spectra(length)
    if colour is not None:
        spectra *= colour
    spectra *= np.exp(-2j * np.pi * turns)
    return irfft(spectra[0], length)[:, : taps + math.ceil(delays.max()) + _TAIL]
