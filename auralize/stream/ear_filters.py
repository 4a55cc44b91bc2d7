"""The filters of a source for the two ears: the head's aligned responses, and what colours them.

Air, directivity and near field are multiplied with the responses in transforms of one length, and
what rings on is cut off after a number of taps that is known. So filters are the same whatever
transforms they are needed for: where a source stands still, where it moves, live and in files.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from auralize.dsp.convolution import even_length
from auralize.dsp.fourier import fft_in_place, ifft_in_place
from auralize.dsp.spectral_kernels import join_pairs, scale_planes, split_pairs
from auralize.hrtf.interpolation import HrtfInterpolator, Places
from auralize.sources.colour import colour_taps
from auralize.sources.heard_source import HeardSource
from auralize.sources.straight_way import StraightWay


class EarFilters:
    """Gives the filters of one source.

    Attributes:
        taps: Samples of each filter, without the delays.
        length: Of the transforms in which colours are multiplied.
    """

    def __init__(self, source: HeardSource, interpolator: HrtfInterpolator) -> None:
        """Take a source and a head."""
        self.taps = interpolator.aligned_tap_count + colour_taps(source)
        self.length = even_length(2 * self.taps)
        self._interpolator = interpolator
        self._planes = np.zeros((0, 2, self.length + 2), dtype=np.float32)

    def write(
        self, way: StraightWay, places: Places, length: int, out: Float32[np.ndarray, "T 2 2*bins"]
    ) -> None:
        """Write the spectra of the filters at some times, with all gains.

        Args:
            way: The way of the source to the head.
            places: Where its `directions` lie.
            length: Samples that a real transform takes; `taps` at least.
            out: For each ear the real parts of all bins, and then the imaginary parts.
        """
        places = places.louder(way.gains)
        colour = way.spectra(self.length)
        if colour is None:
            self._interpolator.write_spectra_at(places, length, out)
            return
        if len(self._planes) < len(out):
            self._planes = np.zeros((len(out), 2, self.length + 2), dtype=np.float32)
        planes = self._planes[: len(out)]
        self._interpolator.write_spectra_at(places, self.length, planes)
        scale_planes(planes, colour)
        pairs = np.empty((len(out), self.length), dtype=np.complex64)
        join_pairs(planes.reshape(len(out), 2, 2, -1), pairs)
        ifft_in_place(pairs)
        whole = np.zeros((len(out), length), dtype=np.complex64)
        whole[:, : self.taps] = pairs[:, : self.taps]
        fft_in_place(whole)
        split_pairs(whole, out.reshape(len(out), 2, 2, -1))
