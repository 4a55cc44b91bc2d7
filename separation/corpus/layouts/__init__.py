"""Published data sets, as they lie on disk, brought into a corpus.

Instruments go by lower-case names with underscores; the six that the shipped network knows by
their canonical names. Nothing is downloaded.
"""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.corpus.layouts.modelnet import Shape, modelnet_shapes, read_off
    from separation.corpus.layouts.musicians import read_index, write_index, write_index_clouds
    from separation.corpus.layouts.recordings import RecordedPart, Summary, write_recordings
    from separation.corpus.layouts.urmp import urmp_parts
    from separation.corpus.layouts.video_lists import music_parts, solos_parts

__all__ = [
    "RecordedPart",
    "Shape",
    "Summary",
    "modelnet_shapes",
    "music_parts",
    "read_index",
    "read_off",
    "solos_parts",
    "urmp_parts",
    "write_index",
    "write_index_clouds",
    "write_recordings",
]

_HOMES = {
    "RecordedPart": "separation.corpus.layouts.recordings",
    "Shape": "separation.corpus.layouts.modelnet",
    "Summary": "separation.corpus.layouts.recordings",
    "modelnet_shapes": "separation.corpus.layouts.modelnet",
    "music_parts": "separation.corpus.layouts.video_lists",
    "read_index": "separation.corpus.layouts.musicians",
    "read_off": "separation.corpus.layouts.modelnet",
    "solos_parts": "separation.corpus.layouts.video_lists",
    "urmp_parts": "separation.corpus.layouts.urmp",
    "write_index": "separation.corpus.layouts.musicians",
    "write_index_clouds": "separation.corpus.layouts.musicians",
    "write_recordings": "separation.corpus.layouts.recordings",
}

__getattr__ = lazy(__name__, _HOMES)
