"""Components of many images, kept small: in memory up to a bound, then in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Self, overload

import numpy as np

from capture.errors import OutputError
from capture.players.segment import Components

_IN_MEMORY_BYTES = 64 * 2**20
_VOXEL = np.dtype(
    [("cell", "<i2", 3), ("label", "<i2"), ("points", "<u4"), ("mean", "<f4", 3)], align=False
)


class ComponentStore(Sequence[Components]):
    """A sequence of images that grows at its end; a context manager.

    An image takes 24 bytes a voxel, some 60 KB. What points belong to which voxel is not kept.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._starts: list[int] = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, image: Components) -> None:
        """Add an image.

        Raises:
            OutputError: There is no room for temporary files.
        """
        voxels = np.empty(len(image.cells), _VOXEL)
        voxels["cell"] = image.cells
        voxels["label"] = image.labels
        voxels["points"] = image.point_counts
        voxels["mean"] = image.centroids_m if len(image.cells) else 0.0
        try:
            self._file.seek(self._starts[-1])
            self._file.write(voxels.tobytes())
        except OSError as error:
            raise OutputError(
                f"no room for temporary files in {tempfile.gettempdir()} ({error.strerror}): "
                "following players needs some 60 KB an image. Free some, or set TMPDIR."
            ) from error
        self._starts.append(self._starts[-1] + voxels.nbytes)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> Components: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Components]: ...
    def __getitem__(self, index: int | slice) -> Components | Sequence[Components]:
        """Return an image, its points apart; or several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}.")
        start, stop = self._starts[index], self._starts[index + 1]
        self._file.seek(start)
        voxels = np.frombuffer(self._file.read(stop - start), _VOXEL)
        counts = voxels["points"].astype(np.int64)
        labels = voxels["label"].astype(np.int32)
        return Components(
            cells=voxels["cell"].astype(np.int64),
            labels=labels,
            count=int(labels.max(initial=-1)) + 1,
            point_counts=counts,
            point_sums_m=voxels["mean"].astype(np.float64) * counts[:, None],
            point_cells=np.zeros(0, np.int64),
        )
