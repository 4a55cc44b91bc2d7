"""The corpus: scores, played by many families of sound, cut into shards for training."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.corpus.builder import BuildSummary, build
    from separation.corpus.clouds import CloudBank, build_cloud_bank, write_clouds
    from separation.corpus.families import (
        SimulatorFamily,
        SoundFamily,
        SoundfontFamily,
        sound_families,
    )
    from separation.corpus.phrases import Piece, compose_piece
    from separation.corpus.physical import PhysicalFamily
    from separation.corpus.recordings import RecordingFamily
    from separation.corpus.sample_folders import sample_family
    from separation.corpus.shards import Corpus, Stem, open_corpus, write_shard

__all__ = [
    "BuildSummary",
    "CloudBank",
    "Corpus",
    "PhysicalFamily",
    "Piece",
    "RecordingFamily",
    "SimulatorFamily",
    "SoundFamily",
    "SoundfontFamily",
    "Stem",
    "build",
    "build_cloud_bank",
    "compose_piece",
    "open_corpus",
    "sample_family",
    "sound_families",
    "write_clouds",
    "write_shard",
]

_HOMES = {
    "BuildSummary": "separation.corpus.builder",
    "CloudBank": "separation.corpus.clouds",
    "Corpus": "separation.corpus.shards",
    "PhysicalFamily": "separation.corpus.physical",
    "Piece": "separation.corpus.phrases",
    "RecordingFamily": "separation.corpus.recordings",
    "SimulatorFamily": "separation.corpus.families",
    "SoundFamily": "separation.corpus.families",
    "SoundfontFamily": "separation.corpus.families",
    "Stem": "separation.corpus.shards",
    "build": "separation.corpus.builder",
    "build_cloud_bank": "separation.corpus.clouds",
    "compose_piece": "separation.corpus.phrases",
    "open_corpus": "separation.corpus.shards",
    "sample_family": "separation.corpus.sample_folders",
    "sound_families": "separation.corpus.families",
    "write_clouds": "separation.corpus.clouds",
    "write_shard": "separation.corpus.shards",
}

__getattr__ = lazy(__name__, _HOMES)
