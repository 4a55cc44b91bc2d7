"""The corpus: scores by rule, played by many families of sound, cut into shards for training."""

from separation.corpus.build import CorpusConfig, build, build_shards
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
