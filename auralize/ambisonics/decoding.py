"""Decode ambisonics to headphones or loudspeakers, block by block.

A head that turns is a sound field that turns the other way: turn the channels first (see
`ambisonic_rotation.HeadTurner`), then decode.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float32

from auralize.ambisonics.loudspeaker_decoding import Method, loudspeaker_decoder
from auralize.ambisonics.loudspeaker_layout import LoudspeakerLayout
from auralize.ambisonics.magls import magls_decoder
from auralize.dsp.convolution import StaticFilter
from auralize.hrtf.head import Hrtf


class AmbisonicDecoder(Protocol):
    """Turns AmbiX channels into the signals of headphones or loudspeakers."""

    def process(
        self, channels: Float32[np.ndarray, "channels block"]
    ) -> Float32[np.ndarray, "outputs block"]:
        """Return the next block."""
        ...


class BinauralDecoder:
    """Decodes AmbiX to (left, right) by MagLS."""

    def __init__(self, head: Hrtf, order: int, *, block: int, diffuse_field: bool = False) -> None:
        """Prepare a head for an order and blocks of one size (see `magls_decoder`)."""
        filters = magls_decoder(head, order, diffuse_field=diffuse_field)
        self._filter = StaticFilter(filters, block)

    def process(
        self, channels: Float32[np.ndarray, "channels block"]
    ) -> Float32[np.ndarray, "2 block"]:
        """Return the next block."""
        return self._filter.process(channels)


class LoudspeakerDecoder:
    """Decodes AmbiX to loudspeakers."""

    def __init__(
        self,
        layout: LoudspeakerLayout,
        order: int,
        *,
        method: Method = "allrad",
        max_re: bool = True,
    ) -> None:
        """Prepare a layout for an order (see `loudspeaker_decoder`)."""
        gains = loudspeaker_decoder(layout, order, method=method, max_re=max_re)
        self._gains = gains.astype(np.float32)

    def process(
        self, channels: Float32[np.ndarray, "channels block"]
    ) -> Float32[np.ndarray, "loudspeakers block"]:
        """Return the next block."""
        return self._gains @ channels
