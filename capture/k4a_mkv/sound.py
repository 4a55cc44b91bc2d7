"""The AUDIO track of a recording: PCM in blocks, read by sample index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float32

from capture.clock import ClockFit
from capture.errors import FileFormatError
from capture.k4a_mkv import layout
from capture.matroska import MatroskaFile, TrackEntry
from capture.sync import fit_times

_KNOWN = {
    (layout.CODEC_PCM, 16),
    (layout.CODEC_PCM, 24),
    (layout.CODEC_PCM, 32),
    (layout.CODEC_PCM_FLOAT, 32),
}
_GAP_S = 0.1
"""Blocks that come this much later than the samples before them say have a gap before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """The sound of a recording.

    Attributes:
        channels: Number of channels.
        sample_rate_hz: Samples a second.
        sample_count: Samples of each channel.
        start_s: Time of the first sample from the recording's start.
    """

    channels: int
    sample_rate_hz: int
    sample_count: int
    start_s: float


class RecordedSound:
    """The sound of an open recording.

    Attributes:
        format: Channels, rate and length.

    Raises:
        FileFormatError: The track's coding is not known.
    """

    def __init__(self, file: MatroskaFile, track: TrackEntry) -> None:
        rate_hz = round(track.sample_rate_hz)
        known = (track.codec, track.bit_depth) in _KNOWN
        if not known or track.channels < 1 or rate_hz < 1:
            raise FileFormatError(
                f"{file.path}: sound as {track.codec} of {track.bit_depth} bits is not known: "
                "give it apart as a WAV file (--audio)."
            )
        self._file = file
        self._track = track
        self._blocks = track.blocks
        counts = self._blocks[:, 2] // (track.channels * track.bit_depth // 8)
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._times_s = self._blocks[:, 0] * (file.timestamp_scale_ns * 1e-9)
        self.format = AudioFormat(
            channels=track.channels,
            sample_rate_hz=rate_hz,
            sample_count=int(self._starts[-1]),
            start_s=float(self._times_s[0]) if len(self._times_s) else 0.0,
        )

    @classmethod
    def of(cls, file: MatroskaFile, track: TrackEntry) -> Self | None:
        """Return the sound of a track, None where the track is empty."""
        sound = cls(file, track)
        return sound if sound.format.sample_count else None

    @cached_property
    def gap(self) -> str | None:
        """A sentence about the largest gap in the sound, None where it has none."""
        # Only what changes from one block to the next is a gap: a drift grows slowly.
        late_s = self._times_s - self._starts[:-1] / self.format.sample_rate_hz
        jumps_s = np.diff(late_s, prepend=late_s[0])
        worst = int(np.argmax(jumps_s))
        if jumps_s[worst] < _GAP_S:
            return None
        return (
            f"the sound has a gap of {jumps_s[worst]:.2f} s before {self._times_s[worst]:.2f} s: "
            "sound and images do not fit together after it."
        )

    def clock(self) -> ClockFit:
        """Return how samples run beside the recording's clock, by the blocks' timestamps."""
        return fit_times(self._times_s, self._starts[:-1] / self.format.sample_rate_hz)

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "channels samples"]:
        """Read the samples from `start` to `stop` (clipped to what there is)."""
        channels = self.format.channels
        start, stop = max(0, start), min(stop, self.format.sample_count)
        if start >= stop:
            return np.zeros((channels, 0), dtype=np.float32)
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        last = int(np.searchsorted(self._starts, stop, side="left"))
        blocks = self._blocks[first:last]
        data = b"".join(self._file.read(int(offset), int(size)) for _, offset, size in blocks)
        samples = self._decode(data).reshape(-1, channels)
        skipped = start - int(self._starts[first])
        return np.ascontiguousarray(samples[skipped : skipped + stop - start].T)

    def _decode(self, data: bytes) -> Float32[np.ndarray, "values"]:
        bits = self._track.bit_depth
        if self._track.codec == layout.CODEC_PCM_FLOAT:
            return np.frombuffer(data, dtype="<f4").astype(np.float32)
        if bits == 24:
            # The three bytes become the upper ones of a 32-bit integer, which keeps the sign.
            triples = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            padded = np.zeros((len(triples), 4), dtype=np.uint8)
            padded[:, 1:] = triples
            return padded.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
        values = np.frombuffer(data, dtype="<i2" if bits == 16 else "<i4").astype(np.float32)
        return values * np.float32(2.0 ** (1 - bits))
