"""Sources that stand still in front of a listener who does: filtered with filters that stay."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from auralize.dsp.convolution import StaticFilter, even_length
from auralize.dsp.fourier import irfft
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.heard_source import HeardSource
from auralize.sources.straight_way import straight_way
from auralize.stream.ear_filters import EarFilters

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
    filters = EarFilters(source, interpolator)
    length = even_length(2 * filters.taps)
    way = straight_way(source, np.zeros(1), interpolator.hrtf)
    places = interpolator.places(way.directions)
    planes = np.empty((1, 2, length + 2), dtype=np.float32)
    filters.write(way, places, length, planes)
    delays = interpolator.delays_at(places)[0]
    bins = length // 2 + 1
    spectra = planes[0, :, :bins] + 1j * planes[0, :, bins:]
    spectra *= np.exp(-2j * np.pi * delays[:, None] * (np.arange(bins) / length))
    response = irfft(spectra, length)[:, : filters.taps + math.ceil(delays.max()) + _TAIL]
    return response.astype(np.float32)
