"""Filter sounds block by block and add them up, with filters that stand still or change.

All work in the frequency domain: each sound is transformed once, multiplied with its filters, the
products of all sounds are added there, and each output is transformed back once. Sounds are cut
into blocks of a fixed length by the caller; blocks follow one another without gaps.

`StaticFilter` is for long blocks, `PartitionedFilter` for filters that are longer than the blocks
and now and then exchanged, `MovingFilter` for filters that change all the time.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float, Float32

from auralize.fourier import fast_length, fft_in_place, ifft_in_place, irfft, rfft
from auralize.spectral_kernels import add_partitions, join_pair, split_pair, sum_products


class StaticFilter:
    """Filters several sounds with filters that stand still, by overlap-save.

    Each output is the sum over the sounds of sound ∗ filter, with all taps, as one long
    convolution would give it.
    """

    def __init__(self, filters: Float[np.ndarray, "sounds outputs taps"], block: int) -> None:
        """Prepare the filters.

        Args:
            filters: Impulse responses from each sound to each output.
            block: Samples of each block that `process` will be given.
        """
        self._block = block
        self._past = filters.shape[2] - 1
        # Long transforms cost less per sample, until they leave the cache.
        self._hops = -(-block // 8192)
        self._hop = -(-block // self._hops)
        self._length = fast_length(self._hop + self._past)
        self._spectra: Complex64[np.ndarray, "outputs sounds bins"] = rfft(
            np.swapaxes(filters, 0, 1).astype(np.float32), self._length
        )
        length = self._length + (self._hops - 1) * self._hop
        self._buffer = np.zeros((len(filters), length), dtype=np.float32)
        outputs, _, bins = self._spectra.shape
        self._totals = np.empty((self._hops, outputs, bins), dtype=np.complex64)

    def process(
        self, sounds: Float32[np.ndarray, "sounds block"]
    ) -> Float32[np.ndarray, "outputs block"]:
        """Return the next block of the outputs."""
        buffer, past, block = self._buffer, self._past, self._block
        if sounds.shape != (len(buffer), block):
            raise ValueError(f"needed is {(len(buffer), block)}, got {sounds.shape}.")
        buffer[:, past : past + block] = sounds
        for number, totals in enumerate(self._totals):
            start = number * self._hop
            spectra = rfft(buffer[:, start : start + self._length])
            sum_products(spectra, self._spectra, totals)
        # All together, because transforms of several rows use the width of the processor.
        samples = irfft(self._totals, self._length)[..., past : past + self._hop]
        output = np.swapaxes(samples, 0, 1).reshape(samples.shape[1], -1)[:, :block]
        buffer[:, :past] = buffer[:, block : block + past].copy()
        return output


class PartitionedFilter:
    """Filters several sounds with long filters in short blocks, without delay of its own.

    The filters are cut into partitions of one block each, and the products of the partitions'
    spectra with those of the last blocks are added up (uniformly partitioned overlap-save).
    The work of a block is the same for all blocks, and allocates nothing.

    Source: Gardner 1995, "Efficient convolution without input-output delay", and Wefers 2015,
    "Partitioned convolution algorithms for real-time auralization", section 5.
    """

    def __init__(
        self, filters: Float[np.ndarray, "sounds outputs taps"], block: int, *, room: int = 0
    ) -> None:
        """Prepare the filters.

        Args:
            filters: Impulse responses from each sound to each output.
            block: Samples of each block that `process` will be given.
            room: Taps that filters may have that are exchanged later, if more than these have.
        """
        sounds, outputs, taps = filters.shape
        partitions = -(-max(taps, room) // block)
        pairs = -(-sounds // 2), -(-outputs // 2)
        planes = (2, block + 1)
        self._block = block
        self._outputs = outputs
        self._filters = np.zeros((partitions, sounds, outputs, *planes), dtype=np.float32)
        self._next = np.zeros_like(self._filters)
        self._exchanged = False
        self._past = np.zeros((partitions, sounds, *planes), dtype=np.float32)
        self._newest = 0
        self._recent = np.zeros((2 * pairs[0], block), dtype=np.float32)
        self._input_pairs = np.zeros((pairs[0], 2 * block), dtype=np.complex64)
        self._split = np.zeros((2 * pairs[0], *planes), dtype=np.float32)
        self._totals = np.zeros((2 * pairs[1], *planes), dtype=np.float32)
        self._output_pairs = np.zeros((pairs[1], 2 * block), dtype=np.complex64)
        self._before = np.zeros((outputs, block), dtype=np.float32)
        # As large as what they are multiplied with, because NumPy buffers a broadcast.
        self._rising = np.tile(np.arange(1, block + 1, dtype=np.float32) / block, (outputs, 1))
        self._falling = 1 - self._rising
        self.exchange(filters)
        self._filters, self._next = self._next, self._filters
        self._exchanged = False

    def exchange(self, filters: Float[np.ndarray, "sounds outputs taps"]) -> None:
        """Take other filters: the next block fades from the old to the new ones.

        May be called from another thread than `process`, and while it is running; where it is
        called several times between two blocks, the last call counts.

        Raises:
            ValueError: The number of sounds or outputs differs, or there are more taps than the
                first filters had and `room` was made for.
        """
        partitions, *counts = self._filters.shape[:3]
        if list(filters.shape[:2]) != counts or filters.shape[2] > partitions * self._block:
            raise ValueError(
                f"needed are filters of shape ({counts[0]}, {counts[1]}, up to "
                f"{partitions * self._block}), got {filters.shape}."
            )
        self._exchanged = False
        missing = partitions * self._block - filters.shape[2]
        parts = np.pad(filters.astype(np.float32), ((0, 0), (0, 0), (0, missing)))
        parts = parts.reshape(*counts, partitions, self._block)
        spectra = rfft(np.moveaxis(parts, 2, 0), 2 * self._block)
        self._next[..., 0, :] = np.real(spectra)
        self._next[..., 1, :] = np.imag(spectra)
        self._exchanged = True

    def reset(self) -> None:
        """Forget the sound so far."""
        self._past[:] = 0
        self._recent[:] = 0

    def process(
        self,
        sounds: Float32[np.ndarray, "sounds block"],
        out: Float32[np.ndarray, "outputs block"],
    ) -> None:
        """Add the next block to the outputs."""
        count, block = len(sounds), self._block
        if sounds.shape[1] != block or out.shape != (self._outputs, block):
            raise ValueError(
                f"needed are blocks of {block} samples, got {sounds.shape} and {out.shape}."
            )
        for half in (slice(None, block), slice(block, None)):
            self._input_pairs.real[:, half] = self._recent[0::2]
            self._input_pairs.imag[:, half] = self._recent[1::2]
            self._recent[:count] = sounds
        fft_in_place(self._input_pairs)
        for pair, spectrum in enumerate(self._input_pairs):
            split_pair(spectrum, self._split[2 * pair : 2 * pair + 2])
        self._newest = (self._newest + 1) % len(self._past)
        self._past[self._newest] = self._split[:count]
        if not self._exchanged:
            self._filtered(self._filters, out)
            return
        self._before[:] = 0
        self._filtered(self._filters, self._before)
        self._before *= self._falling
        self._filters, self._next = self._next, self._filters
        self._exchanged = False
        out += self._before
        self._before[:] = 0
        self._filtered(self._filters, self._before)
        self._before *= self._rising
        out += self._before

    def _filtered(self, filters: np.ndarray, out: np.ndarray) -> None:
        """Add what some filters make of the past."""
        add_partitions(self._past, self._newest, filters, self._totals[: self._outputs])
        for pair, spectrum in enumerate(self._output_pairs):
            join_pair(self._totals[2 * pair : 2 * pair + 2], spectrum)
        ifft_in_place(self._output_pairs)
        out[0::2] += self._output_pairs.real[:, self._block :]
        out[1::2] += self._output_pairs.imag[: self._outputs // 2, self._block :]


class MovingFilter:
    """Filters several sounds with filters that change over time, without clicks.

    Time is cut into hops. Around each of their borders a triangular window, two hops long, cuts a
    piece out of a sound; it is filtered with the filter of that border, and the pieces are added
    up with their tails. The windows add up to one, so filters that do not change give exactly
    one convolution, and a gain that changes linearly is followed exactly.
    """

    def __init__(self, sounds: int, outputs: int, taps: int, *, hop: int, block: int) -> None:
        """Prepare for blocks of `block` samples, which must be a multiple of `hop`."""
        if block % hop:
            raise ValueError(f"block ({block}) must be a multiple of hop ({hop}).")
        self._shape = (sounds, outputs, taps)
        self._hop = hop
        self._hops = block // hop
        self._length = fast_length(2 * hop + taps - 1)
        self._rising = np.arange(hop, dtype=np.float32) / np.float32(hop)
        # Pieces start a hop before the block and end a piece's length after its last border.
        self._tail = np.zeros((outputs, self._length), dtype=np.float32)

    @property
    def borders(self) -> int:
        """How many filters each block needs: at its start, between its hops, and at its end."""
        return self._hops + 1

    def process(
        self,
        sounds: Float32[np.ndarray, "sounds block"],
        filters: Float32[np.ndarray, "sounds borders outputs taps"],
    ) -> Float32[np.ndarray, "outputs block"]:
        """Return the next block of the outputs.

        Args:
            sounds: The next block of each sound.
            filters: Impulse responses at the borders; the last are the first of the next block.
        """
        count, outputs, taps = self._shape
        if filters.shape != (count, self.borders, outputs, taps):
            needed = (count, self.borders, outputs, taps)
            raise ValueError(f"needed are filters of shape {needed}, got {filters.shape}.")
        hop, block = self._hop, self._hops * self._hop
        total = np.zeros((self.borders, outputs, self._length // 2 + 1), dtype=np.complex64)
        pieces = np.zeros((self.borders, 2 * hop), dtype=np.float32)
        for sound, responses in zip(sounds, filters, strict=True):
            hops = sound.reshape(self._hops, hop)
            pieces[1:, :hop] = hops * self._rising
            pieces[:-1, hop:] = hops * (1 - self._rising)
            spectra = rfft(pieces, self._length)
            total += spectra[:, None] * rfft(responses, self._length)
        filtered = irfft(total, self._length)
        # One hop before the block, the first piece is silent: its sound came with the last block.
        sum_of_pieces = np.zeros((outputs, hop + block + self._length), dtype=np.float32)
        sum_of_pieces[:, hop : hop + self._length] = self._tail
        for border in range(self.borders):
            start = border * hop
            sum_of_pieces[:, start : start + self._length] += filtered[border]
        self._tail = sum_of_pieces[:, hop + block :].copy()
        return sum_of_pieces[:, hop : hop + block]
