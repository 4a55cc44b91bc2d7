"""Filter sounds block by block and add them up, with filters that stand still or change.

All work in the frequency domain: each sound is transformed once, multiplied with its filters, the
products of all sounds are added there, and each output is transformed back once. Sounds are cut
into blocks of a fixed length by the caller; blocks follow one another without gaps.

`StaticFilter` is for long blocks, `PartitionedFilter` for filters that are longer than the blocks
and now and then exchanged, `MovingFilter` for filters that change all the time.
"""

from __future__ import annotations

from threading import Lock

import numpy as np
from jaxtyping import Complex64, Float, Float32

from auralize.dsp.fourier import fast_length, fft_in_place, ifft_in_place, irfft, rfft
from auralize.dsp.spectral_kernels import (
    add_crossfaded,
    add_partitions,
    crossfade,
    cut_frames,
    join_pair,
    join_pairs,
    split_pair,
    sum_products,
)


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

    @property
    def past(self) -> int:
        """How many samples before a block it depends on."""
        return self._past

    def set_past(self, sounds: Float32[np.ndarray, "sounds past"]) -> None:
        """Take what the sounds were before the next block, `past` samples."""
        self._buffer[:, : self._past] = sounds

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
        self._exchanging = Lock()
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
        missing = partitions * self._block - filters.shape[2]
        parts = np.pad(filters.astype(np.float32), ((0, 0), (0, 0), (0, missing)))
        parts = parts.reshape(*counts, partitions, self._block)
        spectra = rfft(np.moveaxis(parts, 2, 0), 2 * self._block)
        with self._exchanging:
            self._next[..., 0, :] = np.real(spectra)
            self._next[..., 1, :] = np.imag(spectra)
            self._exchanged = True

    def reset(self) -> None:
        """Forget the sound so far."""
        self._past[:] = 0
        self._recent[:] = 0

    @property
    def past(self) -> int:
        """How many samples before a block it depends on, in whole blocks."""
        return len(self._past) * self._block

    def set_past(self, sounds: Float32[np.ndarray, "sounds past"]) -> None:
        """Take what the sounds were before the next block, `past` samples."""
        before = np.pad(sounds, ((0, 0), (self._block, 0)))
        for number in range(len(self._past)):
            start = number * self._block
            spectra = rfft(before[:, start : start + 2 * self._block])
            self._past[number, :, 0], self._past[number, :, 1] = np.real(spectra), np.imag(spectra)
        self._newest = len(self._past) - 1
        self._recent[: len(sounds)] = sounds[:, -self._block :]

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
        # While others are being written, the block does without them.
        if not (self._exchanged and self._exchanging.acquire(blocking=False)):
            self._filtered(self._filters, out)
            return
        self._before[:] = 0
        self._filtered(self._filters, self._before)
        self._before *= self._falling
        self._filters, self._next = self._next, self._filters
        self._exchanged = False
        self._exchanging.release()
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
    """Filters several pairs of signals, one for each ear, with filters that change all the time.

    Time is cut into hops. Each hop is filtered with the filters of its start and with those of its
    end, and fades over from the one to the other. So filters that do not change give exactly one
    convolution, and a gain that changes linearly is followed exactly. Signals and filters of the
    two ears are transformed together, as real and imaginary part. How long hops are may differ
    from pair to pair and from block to block.
    """

    def __init__(self, sounds: int, taps: int, *, block: int) -> None:
        """Prepare for filters of `taps` samples and blocks of `block` samples."""
        self._block = block
        self._past = taps - 1
        self._signals = np.zeros((2, self._past + block), dtype=np.float32)
        self._tails = np.zeros((sounds, 2, self._past), dtype=np.float32)
        self._hops: dict[int, _Hops] = {}

    def length(self, hop: int) -> int:
        """Return the length of the transforms where hops have so many samples; it is even.

        Raises:
            ValueError: The hops do not fit into a block.
        """
        if self._block % hop:
            raise ValueError(f"block ({self._block}) must be a multiple of hop ({hop}).")
        return even_length(hop + self._past)

    def set_past(self, number: int, ears: Float32[np.ndarray, "2 samples"]) -> None:
        """Take what one pair of signals was before the next block; `taps` − 1 samples or more."""
        self._tails[number] = ears[:, ears.shape[1] - self._past :]

    def add(
        self,
        number: int,
        ears: Float32[np.ndarray, "2 block"],
        spectra: Float32[np.ndarray, "borders 2 2*bins"],
    ) -> None:
        """Add the next block of one pair of signals.

        Args:
            number: Which pair.
            ears: Its next block.
            spectra: What it is filtered with at the borders of the hops, from the start to the end
                of the block: of impulse responses of `taps` samples, transformed with the `length`
                of these hops; real parts of the bins first, then imaginary parts.
        """
        hop = self._block // max(1, len(spectra) - 1)
        length = self.length(hop)
        needed = (self._block // hop + 1, 2, 2 * (length // 2 + 1))
        if ears.shape != (2, self._block) or spectra.shape != needed:
            raise ValueError(
                f"needed are signals of shape {(2, self._block)} and spectra of shape {needed}, "
                f"got {ears.shape} and {spectra.shape}."
            )
        if hop not in self._hops:
            self._hops[hop] = _Hops(self._block // hop, length)
        hops = self._hops[hop]
        self._signals[:, : self._past] = self._tails[number]
        self._signals[:, self._past :] = ears
        self._tails[number] = self._signals[:, self._block :]
        cut_frames(self._signals, hop, hop + self._past, hops.frames.view(np.float32))
        fft_in_place(hops.frames)
        planes = spectra.reshape(len(spectra), 2, 2, -1)
        add_crossfaded(hops.frames, planes, hops.split, hops.totals[0], hops.totals[1])
        hops.used = True

    def finish(self, out: Float32[np.ndarray, "2 block"]) -> None:
        """Add what all pairs give to the output."""
        for hops in self._hops.values():
            if hops.used:
                hops.finish(out, self._past)


class _Hops:
    """The sum of what is filtered in hops of one length."""

    def __init__(self, count: int, length: int) -> None:
        self.frames = np.zeros((count, length), dtype=np.complex64)
        self.split = np.zeros((2, 2, length // 2 + 1), dtype=np.float32)
        self.totals = np.zeros((2, count, *self.split.shape), dtype=np.float32)
        self._outputs = np.zeros((2, count, length), dtype=np.complex64)
        self.used = False

    def finish(self, out: Float32[np.ndarray, "2 block"], past: int) -> None:
        """Add the sum to the output, and begin again."""
        for totals, outputs in zip(self.totals, self._outputs, strict=True):
            join_pairs(totals, outputs)
        self.totals[:] = 0
        self.used = False
        ifft_in_place(self._outputs)
        crossfade(self._outputs[0], self._outputs[1], past, out)


def even_length(least: int) -> int:
    """Return an even length of at least `least` that transforms fast."""
    return 2 * fast_length(-(-least // 2))
