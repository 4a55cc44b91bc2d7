"""Separation of mixtures from the corpus' test split: sounds heard in training, and others.

    python benchmarks/separation_rows.py CORPUS [--weights NAME.safetensors] [--clouds BANK]

In-family alone says little: soundfonts share samples, and networks memorise timbre. Each row names
the families that it is made of. Mixtures are dry and of equally loud players, as in the table of
ceilings; `--wet` measures in random rooms with random equalizers, levels and noise instead.
SI-SDR in dB; "share" is (model − mixture) / (ideal binary mask − mixture).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import torch

from separation.corpus import open_corpus
from separation.model import SeparationModel
from separation.training import AugmentConfig, MixingConfig
from separation.training.conditions import Banks, open_conditions
from separation.training.mixing import Mixer, Mixture
from separation.training.validation import fixed_mixtures, validate

ROWS = {
    "FluidR3, MuseScore": ("fluidr3", "musescore"),
    "simulator (FluidR3)": ("simulator",),
    "physical models": ("physical",),
    "csound GM": ("csoundgm",),
    "Philharmonia, kept pitches": ("philharmonia",),
    "real: Philharmonia kept, Karoryfer": ("philharmonia", "karoryfer"),
}
DRY = AugmentConfig(
    speed=0.0, peak_db=0.0, peaks=0, tilt_db=0.0, gain_db=0.0, dry_share=1.0, noise_db=(70.0, 70.0)
)


def equally_loud(mixture: Mixture) -> Mixture:
    """Give every source of a mixture the same energy."""
    levels = np.sqrt(np.mean(mixture.sources**2, axis=1, keepdims=True))
    sources = (0.1 * mixture.sources / np.maximum(levels, 1e-6)).astype(np.float32)
    return replace(mixture, sources=sources, mixture=sources.sum(axis=0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--clouds", type=Path, help="bank of clouds, where it is elsewhere")
    parser.add_argument("--moves", type=Path, help="bank of movements, where it is elsewhere")
    parser.add_argument("--mixtures", type=int, default=24)
    parser.add_argument("--ensemble", type=float, default=0.5, help="share of pieces in time")
    parser.add_argument("--wet", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shipped = resources.files("separation") / "weights" / "pcs-depth.safetensors"
    model = SeparationModel.load(options.weights or Path(str(shipped)))
    banks = Banks.beside(options.corpus, options.clouds, options.moves)
    encode = open_conditions(model.config, banks).encoder(model, "test")
    corpus = open_corpus(options.corpus)
    config = MixingConfig(
        ensemble_share=options.ensemble, augment=AugmentConfig() if options.wet else DRY
    )
    print("| sounds | N | mixture | model | gain | ideal | share | shuffled gain |")
    print("|---|---|---|---|---|---|---|---|")
    for name, families in ROWS.items():
        stems = corpus.select("test", families=families)
        if len({s.instrument for s in stems}) < 2:
            continue
        mixer = Mixer(corpus, stems, config)
        for players in (2, 3, 4):
            if players > len(mixer.instruments):
                continue
            mixtures = fixed_mixtures(mixer, players, options.mixtures, seed=11)
            if not options.wet:
                mixtures = [equally_loud(m) for m in mixtures]
            row = validate(model, mixtures, encode, name)
            print(
                f"| {name} | {players} | {row.mixture_db:.1f} | {row.model_db:.1f} | "
                f"{row.gain_db:.1f} | {row.ideal_db:.1f} | {row.share:.2f} | "
                f"{row.shuffled_db - row.mixture_db:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
