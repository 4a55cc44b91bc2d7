"""A study: systems × material × numbers of players × numbers of images.

Its tables are those of the papers: how many images of a performer are looked at (Lluís et al. 2021,
table I), and how many players there are (table II), and beside them what does not depend on the
data: the share of the ideal mask's gain, the difference to labels, the fall with shuffled
conditions, duets of one instrument.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from capture.errors import DataError
from separation.attention_map import attention_map, write_attention_picture
from separation.corpus.shards import open_corpus
from separation.mask_picture import write_mask_picture
from separation.model import SeparationModel
from separation.tables.material import Material, corpus_material
from separation.tables.measure import Figures, System, measure_system
from separation.training.conditions import (
    Banks,
    MovementConditions,
    SeenConditions,
    open_conditions,
)
from separation.training.validation import stems_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """What is measured.

    Attributes:
        players: Numbers of players.
        images: Numbers of images of a performer (F), for systems that look at images.
        mixtures: Mixtures of each kind and number of players.
        frames: Length of a mixture in frames.
        masks: "soft", "binary" or both.
        duets: Also measure duets of one instrument.
        full: Also SDR, SIR and SAR.
        seed: Of the mixtures.
    """

    players: tuple[int, ...] = (2, 3, 4)
    images: tuple[int, ...] = (1, 3, 5)
    mixtures: int = 24
    frames: int = 128
    masks: tuple[str, ...] = ("soft", "binary")
    duets: bool = True
    full: bool = True
    seed: int = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a study.

    Attributes:
        system: Its name.
        material: Name of the material.
        players: Players in a mixture; 2 in a duet.
        images: Images of a performer; 0 for systems that look at none.
        masks: "soft" or "binary".
        duet: Both play the same instrument.
        figures: What came out.
    """

    system: str
    material: str
    players: int
    images: int
    masks: str
    duet: bool
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What was measured, and what made it.

    Attributes:
        rows: All lines.
        systems: Name → file, its SHA-256, kind of conditions.
        materials: Name → sound families.
        config: What was asked for.
    """

    rows: tuple[Row, ...]
    systems: dict[str, dict[str, str]]
    materials: dict[str, tuple[str, ...]]
    config: StudyConfig

    def find(self, **wanted: Any) -> list[Row]:
        """Return the rows whose fields are the ones given."""
        return [row for row in self.rows if all(getattr(row, k) == v for k, v in wanted.items())]

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "config": asdict(self.config),
            "systems": self.systems,
            "materials": {name: list(families) for name, families in self.materials.items()},
            "rows": [
                {
                    "system": row.system,
                    "material": row.material,
                    "players": row.players,
                    "images": row.images,
                    "masks": row.masks,
                    "duet": row.duet,
                    **{key: _finite(value) for key, value in row.figures.summary().items()},
                    "gain_by_instrument": {
                        key: _finite(value)
                        for key, value in row.figures.gain_by_instrument().items()
                    },
                }
                for row in self.rows
            ],
        }


def compare_systems(
    checkpoints: Mapping[str, str | os.PathLike[str]],
    corpus_folder: str | os.PathLike[str],
    materials: Mapping[str, Sequence[str]] | None = None,
    config: StudyConfig | None = None,
    *,
    banks: Banks | None = None,
    pictures: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Study:
    """Measure systems on a corpus' test split.

    Args:
        checkpoints: Name of each system → its checkpoint.
        corpus_folder: From `separation.corpus.builder`.
        materials: Name of each kind of material → sound families; each family by itself if not
            given.
        config: What to measure.
        banks: What the systems look at, where it does not lie with the corpus.
        pictures: Folder for a picture of each system on a mixture of each kind of material, named
            SYSTEM-MATERIAL.png; none if not given.
        progress: Called with the fraction done.

    Raises:
        DataError: There is nothing to measure on, or a bank is missing.
        FileFormatError: A checkpoint is broken.
    """
    config = config or StudyConfig()
    corpus = open_corpus(corpus_folder)
    banks = banks or Banks.beside(Path(corpus_folder))
    models = {name: SeparationModel.load(path) for name, path in checkpoints.items()}
    if not models:
        raise DataError("there is no system to measure: name a checkpoint.")
    if materials is None:
        families = sorted({stem.family for stem in corpus.stems if stem.split == "test"})
        materials = {family: (family,) for family in families}
    known = set.intersection(*(set(model.config.instruments) for model in models.values()))
    drawn: list[Material] = []
    for name, families in materials.items():
        try:
            drawn.append(
                corpus_material(
                    corpus,
                    name,
                    families,
                    players=config.players,
                    count=config.mixtures,
                    frames=config.frames,
                    duets=config.duets,
                    seed=config.seed,
                    instruments=sorted(known),
                )
            )
        except DataError as error:
            _LOG.warning("left out: %s", error)
    if not drawn:
        raise DataError(f"{corpus_folder}: none of {', '.join(materials)} can be tested on.")
    rows: list[Row] = []
    for done, (name, model) in enumerate(models.items()):
        rows += _rows_of(name, model, drawn, config, banks)
        if pictures is not None:
            _draw(name, model, drawn, banks, Path(pictures))
        if progress is not None:
            progress((done + 1) / len(models))
    return Study(
        rows=tuple(rows),
        systems={
            name: {
                "file": Path(path).name,
                "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
                "conditioner": models[name].config.conditioner,
            }
            for name, path in checkpoints.items()
        },
        materials={material.name: material.families for material in drawn},
        config=config,
    )


def _rows_of(
    name: str,
    model: SeparationModel,
    materials: Sequence[Material],
    config: StudyConfig,
    banks: Banks,
) -> list[Row]:
    """Measure one system: at every number of images soft, at the first one binary and in duets."""
    rows: list[Row] = []
    conditions = open_conditions(model.config, banks)
    looks = isinstance(conditions, SeenConditions) and model.config.conditioner == "point_cloud"
    for images in config.images if looks else (0,):
        if isinstance(conditions, SeenConditions) and looks:
            conditions.images = images
        first = images in (0, config.images[0])
        for material in materials:
            # A new encoder each time: it deals one body after another, from the first on.
            for players, mixtures in material.mixtures.items():
                for masks in config.masks if first else config.masks[:1]:
                    encode = conditions.encoder(model, "test")
                    figures = measure_system(
                        System(name=name, model=model, encode=encode),
                        mixtures,
                        masks="binary" if masks == "binary" else "soft",
                        full=config.full,
                    )
                    rows.append(_row(name, material, players, images, masks, False, figures))
            if material.duets and first:
                encode = conditions.encoder(model, "test")
                system = System(name=name, model=model, encode=encode)
                figures = measure_system(system, material.duets, full=config.full)
                rows.append(_row(name, material, 2, images, "soft", True, figures))
    return rows


def _draw(
    name: str, model: SeparationModel, materials: Sequence[Material], banks: Banks, folder: Path
) -> None:
    """Draw the first mixture of the most players of each kind of material.

    Of networks that watch movement also where they look.
    """
    conditions = open_conditions(model.config, banks)
    for material in materials:
        mixture = material.mixtures[max(material.mixtures)][0]
        picture = f"{name}-{material.name}".replace("/", "-")
        if isinstance(conditions, MovementConditions):
            looks = conditions.encoder(model, "test")(mixture)
            write_attention_picture(
                folder / f"{picture}-attention.png",
                attention_map(mixture.mixture, looks, model),
                mixture.instruments,
                conditions.poses(mixture, "test"),
            )
        stems, _, _ = stems_of(model, mixture, conditions.encoder(model, "test"))
        write_mask_picture(
            folder / f"{picture}.png",
            mixture.mixture,
            mixture.sources,
            stems,
            mixture.instruments,
        )


def _row(
    system: str,
    material: Material,
    players: int,
    images: int,
    masks: str,
    duet: bool,
    figures: Figures,
) -> Row:
    return Row(
        system=system,
        material=material.name,
        players=players,
        images=images,
        masks=masks,
        duet=duet,
        figures=figures,
    )


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
