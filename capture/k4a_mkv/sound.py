"""The AUDIO track of a recording: PCM in blocks, read by sample index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float32, Float64

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
_MOST_CHANNELS, _HIGHEST_RATE_HZ = 256, 1_000_000
_GAP_S = 0.1
"""Blocks that come this much later than the samples before them say have a gap before them."""
_LEVEL_BLOCKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """The sound of a recording.

    Attributes:
        channels: Number of channels.
        sample_rate_hz: Samples a second.
        sample_count: Samples of each channel.
        start_s: Time of the first sample from the recording's start.
        bits: Of a sample.
    """

    channels: int
    sample_rate_hz: int
    sample_count: int
    start_s: float
    bits: int


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
        sensible = 1 <= track.channels <= _MOST_CHANNELS and 1 <= rate_hz <= _HIGHEST_RATE_HZ
        if not known or not sensible:
            raise FileFormatError(
                f"{file.path}: sound as {track.codec} of {track.bit_depth} bits, {track.channels} "
                f"channels at {rate_hz} Hz is not known: "
                "give it apart as a WAV file (--audio)."
            )
        self._file = file
        self._track = track
        self._blocks = track.blocks
        frame_bytes = track.channels * track.bit_depth // 8
        if np.any(self._blocks[:, 2] % frame_bytes):
            raise FileFormatError(
                f"{file.path}: its sound is no whole number of samples of {track.channels} "
                "channels: give it apart as a WAV file (--audio)."
            )
        self._counts = self._blocks[:, 2] // frame_bytes
        self._times_s = self._blocks[:, 0] * (file.timestamp_scale_ns * 1e-9)
        starts = np.concatenate([[0], np.cumsum(self._counts)])
        lost_s = _gaps(self._times_s - starts[:-1] / rate_hz)
        lost = np.cumsum(np.rint(lost_s * rate_hz).astype(np.int64))
        # Silence takes the place of what was lost, so that all behind it stays in its place.
        self._starts = starts + np.concatenate([lost, lost[-1:] if len(lost) else [0]])
        self._lost_s = lost_s
        self.format = AudioFormat(
            channels=track.channels,
            sample_rate_hz=rate_hz,
            sample_count=int(self._starts[-1]),
            start_s=float(self._times_s[0]) if len(self._times_s) else 0.0,
            bits=track.bit_depth,
        )

    @classmethod
    def of(cls, file: MatroskaFile, track: TrackEntry) -> Self | None:
        """Return the sound of a track, None where the track is empty."""
        sound = cls(file, track)
        return sound if sound.format.sample_count else None

    @property
    def gap(self) -> str | None:
        """A sentence about the gaps in the sound, None where it has none."""
        at = np.flatnonzero(self._lost_s)
        if len(at) == 0:
            return None
        worst = int(np.argmax(self._lost_s))
        many = f"{len(at)} gaps, the longest" if len(at) > 1 else "a gap"
        return (
            f"the sound has {many} of {self._lost_s[worst]:.2f} s before "
            f"{self._times_s[worst]:.2f} s: silence takes its place."
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
        if len(samples) != self._starts[last] - self._starts[first]:
            samples = self._with_silence(samples, first, last)
        skipped = start - int(self._starts[first])
        return np.ascontiguousarray(samples[skipped : skipped + stop - start].T)

    def _with_silence(self, samples: np.ndarray, first: int, last: int) -> np.ndarray:
        """Return the samples of some blocks in their places, from the first one's start."""
        whole = np.zeros(
            (int(self._starts[last] - self._starts[first]), samples.shape[1]), dtype=np.float32
        )
        taken = 0
        for block in range(first, last):
            count = int(self._counts[block])
            place = int(self._starts[block] - self._starts[first])
            whole[place : place + count] = samples[taken : taken + count]
            taken += count
        return whole

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


def _gaps(late_s: Float64[np.ndarray, "blocks"]) -> Float64[np.ndarray, "blocks"]:
    """Return how much sound is missing before each block, 0 where none is.

    Only what changes from one block to the next, and stays, is a gap: a drift grows slowly, and a
    block whose stamp alone is late is none.

    Args:
        late_s: Each block's time minus the samples before it, as time.
    """
    lost = np.zeros(len(late_s))
    for at in np.flatnonzero(np.diff(late_s) >= _GAP_S) + 1:
        before = np.median(late_s[max(0, at - _LEVEL_BLOCKS) : at])
        after = np.median(late_s[at : at + _LEVEL_BLOCKS])
        if after - before >= _GAP_S:
            lost[at] = late_s[at] - late_s[at - 1]
    return lost
