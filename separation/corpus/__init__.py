"""The corpus: scores by rule, played by many families of sound, cut into shards for training."""

from typing import TYPE_CHECKING

from capture.lazy import lazy

if TYPE_CHECKING:
    from separation.corpus.builder import CorpusConfig, build, build_shards
    from separation.corpus.clouds import CloudBank, build_cloud_bank, write_clouds
    from separation.corpus.families import SimulatorFamily, SoundfontFamily
    from separation.corpus.phrases import Piece, compose_piece
    from separation.corpus.physical import PhysicalFamily
    from separation.corpus.recordings import RecordingFamily, karoryfer, philharmonia
    from separation.corpus.shards import Corpus, Stem, open_corpus, write_shard
    from separation.corpus.written_scores import WrittenScores

__all__ = [
    "CloudBank",
    "Corpus",
    "CorpusConfig",
    "PhysicalFamily",
    "Piece",
    "RecordingFamily",
    "SimulatorFamily",
    "SoundfontFamily",
    "Stem",
    "WrittenScores",
    "build",
    "build_cloud_bank",
    "build_shards",
    "compose_piece",
    "karoryfer",
    "open_corpus",
    "philharmonia",
    "write_clouds",
    "write_shard",
]

_HOMES = {
    "CloudBank": "separation.corpus.clouds",
    "Corpus": "separation.corpus.shards",
    "CorpusConfig": "separation.corpus.builder",
    "PhysicalFamily": "separation.corpus.physical",
    "Piece": "separation.corpus.phrases",
    "RecordingFamily": "separation.corpus.recordings",
    "SimulatorFamily": "separation.corpus.families",
    "SoundfontFamily": "separation.corpus.families",
    "Stem": "separation.corpus.shards",
    "WrittenScores": "separation.corpus.written_scores",
    "build": "separation.corpus.builder",
    "build_cloud_bank": "separation.corpus.clouds",
    "build_shards": "separation.corpus.builder",
    "compose_piece": "separation.corpus.phrases",
    "karoryfer": "separation.corpus.recordings",
    "open_corpus": "separation.corpus.shards",
    "philharmonia": "separation.corpus.recordings",
    "write_clouds": "separation.corpus.clouds",
    "write_shard": "separation.corpus.shards",
}

__getattr__ = lazy(__name__, _HOMES)
