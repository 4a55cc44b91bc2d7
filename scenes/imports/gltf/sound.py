"""The sounds in a glTF file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float32

from capture.errors import FileFormatError
from scenes.imports.gltf.file import GltfFile

_SILENCE = 2.0**-14  # 16-bit silence with its dither
_SUBTYPES = ("PCM_16", "PCM_24")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A sound.

    Attributes:
        samples: Its first channel.
        sample_rate_hz: Its rate.
        subtype: How it was written, in the words of libsndfile.
    """

    samples: Float32[np.ndarray, "samples"]
    sample_rate_hz: int
    subtype: str

    def write(self, path: Path, start_s: float, turned_down_db: float) -> float:
        """Write it as WAV, without the silence in front of a start.

        Args:
            path: The file.
            start_s: When it starts, if so long is silent; else it starts at 0.
            turned_down_db: What is taken back.

        Returns:
            When it starts.
        """
        start = round(start_s * self.sample_rate_hz)
        if start >= len(self.samples) or np.abs(self.samples[:start]).max(initial=0.0) > _SILENCE:
            start, start_s = 0, 0.0
        samples, subtype = self.samples[start:], self.subtype
        if turned_down_db != 0.0:
            samples, subtype = samples / np.float32(10 ** (turned_down_db / 20)), "FLOAT"
        if subtype not in _SUBTYPES:
            subtype = "FLOAT"
        soundfile.write(path, samples, self.sample_rate_hz, subtype=subtype, format="WAV")
        return start_s


def read_sound(file: GltfFile, audio: dict[str, Any]) -> Sound:
    """Read one of the document's sounds: WAV, MP3 or what else libsndfile reads.

    Raises:
        FileFormatError: It is not there, or not readable.
        DataError: It is a file outside the folder of the document.
    """
    if "bufferView" in audio:
        data = file.view_bytes(audio["bufferView"])
    elif "uri" in audio:
        data = file.uri_bytes(str(audio["uri"]))
    else:
        raise file.broken("a sound has neither bufferView nor uri")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            samples = sound.read(dtype="float32", always_2d=True)
            return Sound(
                samples=np.ascontiguousarray(samples[:, 0]),
                sample_rate_hz=sound.samplerate,
                subtype=sound.subtype,
            )
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise FileFormatError(f"{file.path}: a sound in it is not readable ({error}).") from error
