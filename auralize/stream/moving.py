"""Sources that move, or whose listener does: delayed for each ear, then filtered.

The time that sound takes to each ear is left to a delay line, so that it changes without steps:
that is the Doppler shift of the way, if the scene wants it, and the difference between the ears.
What remains is filtered with the head's aligned responses, which follow about every 10 ms.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from jaxtyping import Float32, Float64

from auralize.dsp.convolution import MovingFilter
from auralize.dsp.delay_line import DelayLine, slopes_of
from auralize.dsp.fourier import fft_in_place, ifft_in_place
from auralize.dsp.spectral_kernels import join_pairs, scale_planes, split_pairs
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.sources.colour import colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.straight_way import straight_way

# How long filters last at most for sources that go round the listener as fast as this (radians a
# second). High up, a head's response changes by up to 4 dB in a degree.
_HOPS = ((np.radians(25.0), 0.0107), (np.radians(45.0), 0.0054), (math.inf, 0.0014))
# How often directions are looked at for that, and how many at once.
_LOOK_S, _CHUNK = 0.05, 4096
# How far directions are prepared together, and how often they are looked at.
_LOOK_AHEAD_S, _LOOK_STEP_S = 30.0, 0.1


class MovingSources:
    """Renders sources whose direction or distance changes."""

    def __init__(
        self, sources: list[HeardSource], interpolator: HrtfInterpolator, *, hop: int, block: int
    ) -> None:
        """Prepare for blocks of `block` samples, with new filters after every `hop`."""
        self._sources = sources
        self._interpolator = interpolator
        self._hop, self._block = hop, block
        colour = max(colour_taps(source) for source in sources)
        self._taps = interpolator.aligned_tap_count + colour
        self._filter = MovingFilter(len(sources), self._taps, hop=hop, block=block)
        self._lines = [
            DelayLine(source.emitted, outputs=2, hop=hop, block=block) for source in sources
        ]
        borders, bins = self._filter.borders, self._filter.length // 2 + 1
        self._ears = np.zeros((2, block), dtype=np.float32)
        # What is heard at the start depends on as much of the past as the filters are long; and
        # where an ear hears a source early, there is sound before its start.
        hops = -(-self._taps // hop)
        self._past = np.zeros((2, hops * hop), dtype=np.float32)
        self._past_lines = [
            DelayLine(source.emitted, outputs=2, hop=hop, block=hops * hop) for source in sources
        ]
        self._spectra = np.zeros((max(borders, hops + 1) + 2, 2, 2 * bins), dtype=np.float32)
        self._pairs = np.zeros((len(self._spectra), self._filter.length), dtype=np.complex64)
        self._looked_ahead = 0
        self._no_factors = np.zeros((len(self._spectra), 0, bins), dtype=np.complex64)
        # What was at the end of the last block of each source, where the next one goes on.
        self._last_spectra = np.zeros((len(sources), 2, 2 * bins), dtype=np.float32)
        self._last_delays = np.zeros((len(sources), 2, 2))
        self.seek(0)

    def prepare_all(self) -> None:
        """Compute what all directions need now, so that no block has to."""
        self._interpolator.prepare_all(self._filter.length)
        self._looked_ahead = sys.maxsize

    def seek(self, start: int) -> None:
        """Go to another place: the next block begins there, as if all before had been heard."""
        self._start = start
        self._goes_on = False
        begin = start - self._past.shape[1]
        times = np.arange(begin - self._hop, start + 2 * self._hop, self._hop)
        for number, source in enumerate(self._sources):
            delays = self._filters(source, times / source.sample_rate_hz)
            line = self._past_lines[number]
            line.process(begin, delays[1:-1], slopes_of(delays), self._past)
            self._filter.set_past(number, self._past)

    def add(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add the next block."""
        rate = self._sources[0].sample_rate_hz
        if self._start >= self._looked_ahead:
            self._look_ahead()
        times = (self._start + self._hop * np.arange(-1, self._filter.borders + 1)) / rate
        for number, source in enumerate(self._sources):
            delays = self._filters(source, times)
            slopes = slopes_of(delays)
            delays = delays[1:-1]
            spectra = self._spectra[1 : self._filter.borders + 1]
            if self._goes_on:
                delays[0], slopes[0] = self._last_delays[number]
                spectra[0] = self._last_spectra[number]
            self._last_delays[number] = delays[-1], slopes[-1]
            self._last_spectra[number] = spectra[-1]
            self._lines[number].process(self._start, delays, slopes, self._ears)
            self._filter.add(number, self._ears, spectra)
        self._filter.finish(out)
        self._start += self._block
        self._goes_on = True

    def _look_ahead(self) -> None:
        """Prepare the directions of some time to come together, which costs less."""
        rate = self._sources[0].sample_rate_hz
        times_s = self._start / rate + np.arange(0.0, _LOOK_AHEAD_S, _LOOK_STEP_S)
        directions = [source.seen_from_listener(times_s)[0] for source in self._sources]
        self._interpolator.prepare(np.concatenate(directions), self._filter.length)
        self._looked_ahead = self._start + round(_LOOK_AHEAD_S * rate)

    def _filters(
        self, source: HeardSource, times_s: Float64[np.ndarray, "T"]
    ) -> Float64[np.ndarray, "T 2"]:
        """Write the spectra of a source at some times, and return the delays for each ear."""
        head = self._interpolator
        length = self._filter.length
        spectra = self._spectra[: len(times_s)]
        way = straight_way(source, times_s, head.hrtf, length)
        delays = head.write_spectra(way.directions, length, spectra)
        factors = self._no_factors if way.spectra is None else way.spectra
        scale_planes(spectra, way.gains, factors)
        if way.spectra is not None:
            self._cut(spectra)
        delays += (source.delays_samples(way.distances_m) - head.early_samples)[:, None]
        return delays

    def _cut(self, spectra: Float32[np.ndarray, "T 2 2*bins"]) -> None:
        """Cut the responses off after as many taps as the filter has room for.

        What multiplies the head's responses rings on for ever, and would come round.
        """
        pairs = self._pairs[: len(spectra)]
        planes = spectra.reshape(len(spectra), 2, 2, -1)
        join_pairs(planes, pairs)
        ifft_in_place(pairs)
        pairs[:, self._taps :] = 0
        fft_in_place(pairs)
        split_pairs(pairs, planes)


def hop_of(block: int, sample_rate_hz: int, fastest_rad_s: float) -> int:
    """Return how many samples filters last where a source goes round the listener at most so fast.

    It is a part of the block: they fit into it a whole number of times.
    """
    longest_s = next(hop_s for most, hop_s in _HOPS if fastest_rad_s <= most)
    hops = math.ceil(block / max(1, round(longest_s * sample_rate_hz)))
    while block % hops:
        hops += 1
    return block // hops


def fastest_rad_s(source: HeardSource, end_s: float) -> float:
    """Return how fast a source goes round the listener at most, in radians a second."""
    fastest = 0.0
    for start_s in np.arange(0.0, end_s, _CHUNK * _LOOK_S):
        times_s = start_s + _LOOK_S * np.arange(_CHUNK + 1)
        directions = source.seen_from_listener(times_s)[0]
        steps_rad = np.linalg.norm(np.diff(directions, axis=0), axis=1)
        fastest = max(fastest, float(steps_rad.max()) / _LOOK_S)
    return fastest
