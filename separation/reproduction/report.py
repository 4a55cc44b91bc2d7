"""The report: the tables beside the published ones, data, seeds, and where this differs."""

from __future__ import annotations

from collections.abc import Sequence

from separation.reproduction.deviations import deviations
from separation.reproduction.material import Imported
from separation.reproduction.networks import Size
from separation.reproduction.pretraining import Pretraining
from separation.tables import Study
from separation.training import TrainingConfig

_PUBLISHED = """
| | 2 players | 3 players | 4 players |
|---|---|---|---|
| label | 6.10 / 12.44 | 1.35 / 8.10 | −1.76 / 4.21 |
| depth | 5.34 / 11.06 | −0.06 / 6.63 | −2.48 / 3.34 |
| rgb-depth | 6.14 / 12.29 | 0.86 / 7.27 | −3.39 / 2.79 |
| ideal binary mask | 15.20 / 21.63 | 11.80 / 19.55 | 9.14 / 16.65 |

Depth with F = 1 / 3 / 5 images: SDR 5.34 / 2.84 / 0.84.
"""


def report_text(
    study: Study,
    tables: str,
    *,
    size: Size,
    config: TrainingConfig,
    imported: Imported,
    left_out: Sequence[str],
    pretraining: Pretraining | None,
) -> str:
    """Return the report as Markdown.

    Args:
        study: What was measured.
        tables: Name of the file with all tables.
        size: Of the reproduction.
        config: Of a network that looks at clouds.
        imported: What came of the data.
        left_out: Shards of the corpus that are broken since.
        pretraining: Of the vision network, if it was pretrained.
    """
    model, frames = config.model, config.mixing.frames
    small = (
        f"Networks are small (U-Net of {model.backbone.levels} levels and width "
        f"{model.backbone.width}, vision of width {model.point_cloud.width}, windows of {frames} "
        f"frames, {config.batch} a step) and learn little: figures only show that all of it runs.\n"
    )
    lines = [
        "# Music source separation conditioned on 3D point clouds: a reproduction\n",
        small if size.small else "",
        f"Seeds {', '.join(map(str, size.seeds))}. All figures are in [{tables}]({tables}).\n",
        "## SDR / SIR, dB, binary masks\n",
        *_figures(study),
        "\n## As published\n",
        _PUBLISHED.strip(),
        "\n## Data\n",
        f"{imported.recordings} recordings, {imported.minutes:.1f} minutes. "
        f"Left out: files {len(imported.skipped)}, shards of the corpus {len(left_out)}.",
    ]
    lines += [f"- {path}: {reason}" for path, reason in imported.skipped]
    lines += [f"- {shard}" for shard in left_out]
    lines.append("\n## Where this differs")
    for subject, differences in deviations(config, size, pretraining).items():
        lines += [f"\n### {subject}\n", *(f"- {difference}" for difference in differences)]
    return "\n".join(lines) + "\n"


def _figures(study: Study) -> list[str]:
    lines = [
        "| | " + " | ".join(f"{n} players" for n in study.config.players) + " |",
        "|---" * (len(study.config.players) + 1) + "|",
    ]
    images = study.config.images[0]
    for system in study.systems:
        cells: list[str] = []
        for players in study.config.players:
            rows = [
                row
                for row in study.find(system=system, players=players, masks="binary")
                if row.images in (0, images)
            ]
            cells += [
                f"{r.figures.mean('sdr'):.2f} / {r.figures.mean('sir'):.2f}" for r in rows
            ] or ["–"]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return lines
