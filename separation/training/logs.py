"""The log of a run: a CSV with one line a validation, and TensorBoard's event file."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capture.errors import DependencyError
from capture.files.atomic import atomic_path
from capture.optional import optional

_LOG = logging.getLogger(__name__)


class RunLog:
    """Writes `log.csv` in a run's folder and, where tensorboardX is installed, `tensorboard/`.

    Args:
        folder: The run's.
        step: Steps that it has done. What the log has of later ones is left out: they are done
            again, as the run ended before its state was saved.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._path = folder / "log.csv"
        if self._path.exists():
            self._end_at(step)
        self._board: Any = None
        try:
            board = optional("tensorboardX", extra="train", purpose="TensorBoard logs")
        except DependencyError as error:
            _LOG.info("%s", error)
            return
        self._board = board.SummaryWriter(
            str(folder / "tensorboard"), flush_secs=10, purge_step=step + 1
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line.

        A log whose columns are others, as when the curriculum went on, is begun anew beside it.
        """
        row = {"step": str(step)} | {name: f"{value:.6g}" for name, value in values.items()}
        if self._path.exists() and self._columns() != list(row):
            self._path.rename(self._path.with_name(f"log-until-{step}.csv"))
        new = not self._path.exists()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
            self._board.flush()
        _LOG.info(", ".join(f"{name} {value}" for name, value in row.items()))

    def close(self) -> None:
        """End the event file."""
        if self._board is not None:
            self._board.close()

    def _end_at(self, step: int) -> None:
        with self._path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if len(row) == len(header) and int(row[0]) <= step]
        if kept == rows:
            return
        with atomic_path(self._path) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows([header, *kept])

    def _columns(self) -> list[str]:
        with self._path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
