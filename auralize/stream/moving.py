"""Sources that move, or whose listener does: delayed for each ear, then filtered.

The time that sound takes to each ear is left to a delay line, so that it changes without steps:
that is the Doppler shift of the way, if the scene wants it, and the difference between the ears.
What remains is filtered with the head's aligned responses, which follow about every 20 ms, and the
sooner the faster the source goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64

from auralize.dsp.convolution import MovingFilter
from auralize.dsp.delay_line import DelayLine, slopes_of
from auralize.hrtf.interpolation import HrtfInterpolator, Places
from auralize.sources.heard_source import NEAREST_M, HeardSource
from auralize.sources.straight_way import StraightWay, straight_way
from auralize.stream.ear_filters import EarFilters

# How long filters last at most for sources that go round the listener as fast as this (radians a
# second): what a tone of 8 kHz has of spurs stays below −80 dB of it. High up, a head's response
# changes by up to 4 dB in a degree.
_HOPS = (
    (math.radians(22.0), 0.0214),
    (math.radians(38.0), 0.0054),
    (math.radians(80.0), 0.0027),
    (math.radians(180.0), 0.00134),
    (math.inf, 0.00067),
)
# A distance that grows or shrinks by so much a second counts as a radian a second.
_APPROACH = 3.0
# How far ahead the ways of sources that follow the scene are worked out together.
_LOOK_AHEAD_S = 30.0


class MovingSources:
    """Renders sources whose direction or distance changes."""

    def __init__(
        self,
        sources: list[HeardSource],
        interpolator: HrtfInterpolator,
        *,
        block: int,
        live: bool = False,
    ) -> None:
        """Prepare.

        Args:
            sources: The sources.
            interpolator: The head.
            block: Samples of each block.
            live: Whether sources or the listener may be moved between blocks. Then each block is
                worked out on its own, in hops that last the same for all sources and blocks.
        """
        self._sources = sources
        self._interpolator = interpolator
        self._block = block
        self._rate = sources[0].sample_rate_hz
        self._live = live
        self._filters = [EarFilters(source, interpolator) for source in sources]
        self._taps = max(filters.taps for filters in self._filters)
        self._filter = MovingFilter(len(sources), self._taps, block=block)
        self._lines = [DelayLine(source.emitted) for source in sources]
        self._hop = hop_of(block, self._rate, 0.0)
        self._ears = np.zeros((2, block), dtype=np.float32)
        self._spectra: dict[int, Float32[np.ndarray, "T 2 2*bins"]] = {}
        self._ahead = max(1, round(_LOOK_AHEAD_S * self._rate / block)) * block
        self._looks: list[_Look] = []
        self._fitting: list[list[int]] = []
        self._looked_until = 0
        self._lasts: list[_Border | None] = [None] * len(sources)
        self.seek(0)

    def prepare_all(self) -> None:
        """Compute what all directions need now, so that no block has to."""
        coloured = {
            part.length
            for part in self._filters
            if part.taps > self._interpolator.aligned_tap_count
        }
        for length in {self._filter.length(self._hop)} | coloured:
            self._interpolator.prepare_all(length)

    def seek(self, start: int) -> None:
        """Go to another place: the next block begins there, as if all before had been heard."""
        self._start = start
        if not self._live:
            self._look_ahead()
        # What is heard at the start depends on as much of the past as the filters are long; and
        # where an ear hears a source early, there is sound before its start.
        past = np.zeros((2, -(-self._taps // self._hop) * self._hop), dtype=np.float32)
        begin = start - past.shape[1]
        for number, look in enumerate(self._look(self._sources, begin, past.shape[1], self._hop)):
            delays = look.delays
            self._lines[number].process(begin, delays[1:-1], slopes_of(delays), past)
            self._filter.set_past(number, past)
        self._lasts = [None] * len(self._sources)

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add the next block."""
        for number, source in enumerate(self._sources):
            if self._live:
                (look,) = self._look([source], self._start, self._block, self._hop)
                self._add(number, look, self._hop)
            else:
                self._add(number, *self._looked_ahead(number))
        self._filter.finish(out)
        self._start += self._block

    def _looked_ahead(self, number: int) -> tuple[_Look, int]:
        """Return the way of a source in the next block, and the hops in which it may go."""
        if self._start >= self._looked_until:
            self._look_ahead()
        first = (self._start + self._ahead - self._looked_until) // self._hop
        hops = self._block // self._hop
        hop = self._fitting[number][first // hops]
        if hop == self._hop:
            return self._looks[number][first : first + hops + 3], hop
        (look,) = self._look([self._sources[number]], self._start, self._block, hop)
        return look, hop

    def _look_ahead(self) -> None:
        """Work out the ways of all sources for some time to come, which costs less together."""
        self._looks = self._look(self._sources, self._start, self._ahead, self._hop)
        self._fitting = [self._fitting_hops(look) for look in self._looks]
        self._looked_until = self._start + self._ahead

    def _add(self, number: int, look: _Look, hop: int) -> None:
        """Add a block of one source."""
        slopes = slopes_of(look.delays)
        delays = look.delays[1:-1].copy()
        spectra = self._written(number, look[1:-1], hop)
        last = self._lasts[number]
        # Go on from where the last block ended, for there may have been an edit.
        if last is not None:
            delays[0], slopes[0] = last.delays, last.slopes * hop
            if last.hop == hop:
                spectra[0] = last.spectra
        if last is None or last.hop != hop:
            last = self._lasts[number] = _Border(hop, np.empty_like(spectra[0]))
        last.delays, last.slopes = delays[-1], slopes[-1] / hop
        last.spectra[:] = spectra[-1]
        self._lines[number].process(self._start, delays, slopes, self._ears)
        self._filter.add(number, self._ears, spectra)

    def _look(self, sources: list[HeardSource], start: int, count: int, hop: int) -> list[_Look]:
        """Work out the ways of sources at the borders of hops, and one hop before and after."""
        times_s = (start + hop * np.arange(-1, count // hop + 2)) / self._rate
        head = self._interpolator
        ways = [straight_way(source, times_s, head.hrtf) for source in sources]
        places = [head.places(way.directions) for way in ways]
        if not self._live:
            head.prepare(places, self._filter.length(hop))
        looks: list[_Look] = []
        for source, way, place in zip(sources, ways, places, strict=True):
            late = source.delays_samples(way.distances_m) - head.early_samples
            looks.append(_Look(way, place, head.delays_at(place) + late[:, None]))
        return looks

    def _fitting_hops(self, look: _Look) -> list[int]:
        """Return how long hops may last in each of the blocks that were looked at."""
        turned = np.linalg.norm(np.diff(look.way.seen, axis=0), axis=1)
        nearer = np.abs(np.diff(np.log(np.maximum(look.way.distances_m, NEAREST_M))))
        steps = np.maximum(turned, nearer / _APPROACH)[1:-1]
        fastest = steps.reshape(-1, self._block // self._hop).max(axis=1)
        speeds = fastest * (self._rate / self._hop)
        return [hop_of(self._block, self._rate, speed) for speed in speeds.tolist()]

    def _written(self, number: int, look: _Look, hop: int) -> Float32[np.ndarray, "T 2 2*bins"]:
        """Return the spectra of a source's filters; they are valid until the next call."""
        length = self._filter.length(hop)
        if hop not in self._spectra:
            shape = (self._block // hop + 1, 2, 2 * (length // 2 + 1))
            self._spectra[hop] = np.zeros(shape, dtype=np.float32)
        self._filters[number].write(look.way, look.places, length, self._spectra[hop])
        return self._spectra[hop]


@dataclass(frozen=True, slots=True)
class _Look:
    """The way of a source, and what it is for the head: where it lies, and the delays."""

    way: StraightWay
    places: Places
    delays: Float64[np.ndarray, "T 2"]

    def __getitem__(self, some: slice) -> _Look:
        return _Look(self.way[some], self.places[some], self.delays[some])


@dataclass(slots=True)
class _Border:
    """What was at the end of the last block of a source, where the next one goes on."""

    hop: int
    spectra: Float32[np.ndarray, "2 2*bins"]
    delays: Float64[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    slopes: Float64[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))


def hop_of(block: int, sample_rate_hz: int, fastest_rad_s: float) -> int:
    """Return how many samples filters last where a source goes round the listener at most so fast.

    It is a part of the block: they fit into it a whole number of times.
    """
    longest_s = next(hop_s for most, hop_s in _HOPS if fastest_rad_s <= most)
    hops = math.ceil(block / max(1, round(longest_s * sample_rate_hz)))
    while block % hops:
        hops += 1
    return block // hops
