"""Training on a corpus of known sounds: mixing, losses, learning, going on to the exact step."""

import csv
import re
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from click.testing import CliRunner

from auralize.cli import cli
from capture.errors import DataError, FileFormatError
from separation.backbones import UNetConfig
from separation.backbones.unet import UNet
from separation.checkpoint import load_model
from separation.conditioners import PictureConfig, ResNet
from separation.conditioners.point_cloud import CloudConfig, PointCloudConfig
from separation.configuration import from_mapping
from separation.corpus import CloudBank, Stem, open_corpus, write_clouds, write_shard
from separation.heads import masks_from_logits
from separation.model import ModelConfig, SeparationModel
from separation.spectrogram import LogSpectrogram, SpectrogramConfig
from separation.training import (
    AugmentConfig,
    DistillationConfig,
    MixingConfig,
    TrainingConfig,
    distil,
    mean_of_checkpoints,
    read_training_config,
    train,
)
from separation.training.augment import (
    Room,
    background_noise,
    equalizer_db,
    play_in_room,
    room_response,
    working_size,
)
from separation.training.batch import Batch, make_batch
from separation.training.conditions import LabelConditions, SeenConditions
from separation.training.config import write_training_config
from separation.training.curriculum import CurriculumConfig, Stage
from separation.training.distillation import confusion_matrix
from separation.training.losses import Loss, cell_weights, error_level, mask_loss, mask_targets
from separation.training.mixing import Mixer
from separation.training.schedule import learning_rate
from separation.training.validation import fixed_mixtures, validate

RATE = 11025
INSTRUMENTS = ("violin", "cello", "guitar")
PLAIN = AugmentConfig(
    speed=0.0, peak_db=0.0, peaks=0, tilt_db=0.0, gain_db=0.0, dry_share=1.0, noise_db=(90.0, 90.0)
)


def model_config(**changes):
    settings = {
        "instruments": INSTRUMENTS,
        "channels": 8,
        "spectrogram": SpectrogramConfig(relative_level=True, floor=1e-3),
        "backbone": UNetConfig(levels=4, width=4, initialization="kaiming"),
        "conditioner": "label",
        "head": "softmax",
        "point_cloud": PointCloudConfig(cloud=CloudConfig(voxel=0.05), width=4, out_channels=8),
    }
    return ModelConfig(**settings | changes)


def training_config(**changes):
    settings = {
        "model": model_config(),
        "mixing": MixingConfig(frames=32, players=((2, 1.0),), augment=PLAIN),
        "steps": 6,
        "batch": 2,
        "learning_rate": 3e-3,
        "warm_up": 2,
        "target": "wiener",
        "weight": "level",
        "validate_every": 3,
        "validation_mixtures": 2,
        "save_every": 3,
    }
    return TrainingConfig(**settings | changes)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Instruments that live in bands of their own: a network learns them in seconds."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    bands = {"violin": (1500, 4000), "cello": (80, 400), "guitar": (500, 1200)}
    for instrument, (low, high) in bands.items():
        sounds = []
        for split in ("train", "validation", "test"):
            for piece in range(3):
                spectrum = np.fft.rfft(rng.normal(size=2 * RATE))
                frequencies = np.fft.rfftfreq(2 * RATE, 1 / RATE)
                spectrum[(frequencies < low) | (frequencies > high)] = 0
                sound = np.fft.irfft(spectrum)
                stem = Stem(
                    instrument=instrument,
                    family="noise",
                    split=split,
                    piece=f"{split}-{piece}",
                    shard="",
                    start=0,
                    length=0,
                )
                sounds.append((stem, 0.1 * sound / sound.std()))
        write_shard(folder, f"{instrument}-noise-000", sounds)
    return folder


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Bodies that a child tells apart: a stick, a plate and a ball."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(1)
    shapes = {
        "violin": np.array([0.05, 0.9, 0.05]),
        "cello": np.array([0.6, 0.05, 0.6]),
        "guitar": np.array([0.4, 0.4, 0.4]),
    }
    for split in ("train", "validation", "test"):
        for instrument, size in shapes.items():
            clouds = [(rng.uniform(-1, 1, (1500, 3)) * size).astype(np.float32) for _ in range(6)]
            write_clouds(folder, split, instrument, clouds)
    return folder


def random_batch(seed=0, players=3):
    rng = torch.Generator().manual_seed(seed)
    sources = torch.rand(2, players, 8, 4, generator=rng) + 0.01
    present = torch.tensor([[True] * players, [True] * (players - 1) + [False]])
    sources = sources * present[:, :, None, None]
    return Batch(
        sources=sources,
        residual=torch.zeros_like(sources[:, 0]),
        mixture=sources.sum(dim=1),
        labels=torch.zeros(2, players, dtype=torch.long),
        present=present,
    )


# --- mixing -------------------------------------------------------------------------------------


def test_a_mixture_is_the_sum_of_its_sources(corpus):
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("train"), training_config().mixing)
    for seed in range(5):
        mixture = mixer.draw(np.random.default_rng(seed), players=3)
        assert len(set(mixture.instruments)) == 3
        error = mixture.mixture - mixture.sources.sum(axis=0)
        level = np.sqrt(np.mean(mixture.mixture**2))
        assert 20 * np.log10(np.sqrt(np.mean(error**2)) / level) == pytest.approx(-90, abs=1)


def test_mixtures_follow_from_their_generator(corpus):
    opened = open_corpus(corpus)
    config = replace(training_config().mixing, augment=AugmentConfig())
    mixer = Mixer(opened, opened.select("train"), config)
    one, two, other = (mixer.draw(np.random.default_rng(s)).mixture for s in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_players_of_one_piece_start_together(corpus):
    opened = open_corpus(corpus)
    config = replace(training_config().mixing, ensemble_share=1.0)
    mixer = Mixer(opened, opened.select("train"), config)
    mixture = mixer.draw(np.random.default_rng(3), players=3)
    # Without augmentation a source is a window of its stem: find each, and where it starts.
    found = set()
    for instrument, source in zip(mixture.instruments, mixture.sources, strict=True):
        for stem in opened.select("train"):
            if stem.instrument == instrument:
                whole = opened.read(stem, 0, stem.length)
                match = np.correlate(whole, source[:2000], mode="valid")
                if match.max() > 0.99 * np.dot(source[:2000], source[:2000]):
                    found.add((stem.piece, int(match.argmax())))
    assert len(found) == 1


def test_parts_of_unequal_length_start_together(tmp_path):
    for number, name in enumerate(INSTRUMENTS):
        stem = Stem(
            instrument=name,
            family="noise",
            split="train",
            piece="one",
            shard="",
            start=0,
            length=0,
        )
        sound = 0.1 * np.random.default_rng(number).normal(size=(2 + number) * RATE)
        write_shard(tmp_path, name, [(stem, sound)])
    opened = open_corpus(tmp_path)
    config = replace(training_config().mixing, ensemble_share=1.0)
    mixer = Mixer(opened, opened.select("train"), config)
    for seed in range(3):
        mixture = mixer.draw(np.random.default_rng(seed), players=3)
        assert len({excerpt.start_s for excerpt in mixture.excerpts}) == 1


def test_families_held_out_are_not_heard(corpus):
    opened = open_corpus(corpus)
    assert opened.select("train", without=["noise"]) == ()
    with pytest.raises(DataError, match="nothing to use as train"):
        train(training_config(mixing=MixingConfig(held_out=("noise",))), corpus, corpus / "never")


def test_mixtures_need_two_instruments(corpus):
    opened = open_corpus(corpus)
    violins = [s for s in opened.stems if s.instrument == "violin"]
    with pytest.raises(ValueError, match="two instruments"):
        Mixer(opened, violins, MixingConfig())


def test_batches_are_padded_to_the_most_players(corpus):
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("train"), training_config().mixing)
    mixtures = [mixer.draw(np.random.default_rng(i), players=n) for i, n in enumerate((2, 3))]
    front_end = LogSpectrogram(SpectrogramConfig())
    batch = make_batch(mixtures, front_end, INSTRUMENTS)
    assert batch.present.tolist() == [[True, True, False], [True, True, True]]
    assert not batch.sources[0, 2].any()
    expected = front_end.warp(front_end.stft(torch.from_numpy(mixtures[1].sources)).abs())
    torch.testing.assert_close(batch.sources[1], expected)
    names = [INSTRUMENTS[i] for i in batch.labels[1].tolist()]
    assert tuple(names) == mixtures[1].instruments


# --- augmentation -------------------------------------------------------------------------------


def test_speed_changes_pitch_and_length():
    time = np.arange(11000) / RATE
    dry = np.sin(2 * np.pi * 500 * time).astype(np.float32)
    flat = np.zeros(working_size(10000) // 2 + 1, np.float32)
    faster = play_in_room(dry, 10000, flat, np.ones(1, np.float32))
    assert len(faster) == 10000
    peak = np.argmax(np.abs(np.fft.rfft(faster * np.hanning(10000)))) * RATE / 10000
    assert peak == pytest.approx(550, abs=1.5)
    assert np.abs(faster[2000:8000]).max() == pytest.approx(1.0, abs=0.02)


def test_equalizer_and_room_are_applied_as_drawn():
    rng = np.random.default_rng(0)
    dry = rng.normal(size=9000).astype(np.float32)
    size = working_size(9000)
    curve = equalizer_db(AugmentConfig(), np.fft.rfftfreq(size, 1 / RATE), rng)
    response = room_response(AugmentConfig(), Room(decay_s=0.3), RATE, rng)
    wet = play_in_room(dry, 9000, np.zeros_like(curve), response)
    np.testing.assert_allclose(wet, np.convolve(dry, response)[:9000], atol=1e-4)
    louder = play_in_room(dry, 9000, np.full_like(curve, 6.0), response)
    np.testing.assert_allclose(louder, wet * 10 ** (6 / 20), rtol=1e-3, atol=1e-4)
    assert -24.01 <= curve.min() < curve.max() <= 18.01


@pytest.mark.parametrize("decay_s", [0.2, 0.5])
def test_rooms_decay_as_long_as_they_say(decay_s):
    config = AugmentConfig(direct_db=(-30.0, -30.0))
    energy = np.mean(
        [
            room_response(config, Room(decay_s=decay_s), RATE, np.random.default_rng(i))[
                : int(decay_s * RATE)
            ]
            ** 2
            for i in range(100)
        ],
        axis=0,
    )
    remaining = 10 * np.log10(np.cumsum(energy[::-1])[::-1])
    # Schroeder's curve, between 50 ms and 60 % of the decay time; 60 dB a decay time. The low-pass
    # takes energy beside the envelope.
    start, stop = int(0.05 * RATE), int(0.6 * decay_s * RATE)
    slope_db_s = (remaining[stop] - remaining[start]) / ((stop - start) / RATE)
    assert -60 / slope_db_s == pytest.approx(decay_s, rel=0.2)


def test_rooms_have_unit_energy_and_none_is_none():
    response = room_response(AugmentConfig(), Room(decay_s=0.4), RATE, np.random.default_rng(0))
    assert float(np.sum(response**2)) == pytest.approx(1.0, rel=1e-4)
    silent = room_response(AugmentConfig(), Room(decay_s=0.0), RATE, np.random.default_rng(0))
    assert silent.tolist() == [1.0]


def test_noise_has_unit_level():
    noise = background_noise(20000, RATE, np.random.default_rng(0))
    assert float(np.mean(noise**2)) == pytest.approx(1.0, rel=1e-3)


# --- losses -------------------------------------------------------------------------------------


def test_binary_targets_belong_to_the_loudest():
    batch = random_batch()
    targets = mask_targets(batch, "binary")
    assert torch.equal(targets.sum(dim=1), torch.ones(2, 8, 4))
    assert torch.equal(targets.argmax(dim=1), batch.sources.argmax(dim=1))


def test_wiener_targets_are_shares_of_energy():
    batch = random_batch()
    targets = mask_targets(batch, "wiener")
    expected = batch.sources**2 / (batch.sources**2).sum(dim=1, keepdim=True)
    torch.testing.assert_close(targets, expected)


def test_weights_follow_their_formulas():
    mixture = torch.tensor([[[0.0, 1.0], [3.0, 1e9]]])
    torch.testing.assert_close(
        cell_weights(mixture, "log")[0],
        torch.tensor([[1e-3, np.log(2.0)], [np.log(4.0), 10.0]]).float(),
    )
    quiet, loud = cell_weights(mixture[:, :1], "level"), cell_weights(50 * mixture[:, :1], "level")
    torch.testing.assert_close(quiet, loud)


def test_sigmoid_loss_is_weighted_binary_cross_entropy():
    batch = random_batch()
    logits = torch.randn(2, 3, 8, 4, generator=torch.Generator().manual_seed(1))
    loss = mask_loss("sigmoid", logits, batch, target="binary", weight="log")
    targets, weights = mask_targets(batch, "binary"), cell_weights(batch.mixture, "log")
    expected = [
        F.binary_cross_entropy_with_logits(
            logits[i, :count], targets[i, :count], weights[i].expand(count, -1, -1)
        )
        for i, count in enumerate((3, 2))
    ]
    torch.testing.assert_close(loss, torch.stack(expected).mean())


@pytest.mark.parametrize("target", ["binary", "wiener"])
def test_softmax_loss_is_least_at_its_target_and_ignores_the_absent(target):
    batch = random_batch()
    targets = mask_targets(batch, target).clamp_min(1e-6)
    arguments = {"target": target, "weight": "log"}
    best = mask_loss("softmax", targets.log(), batch, **arguments)
    for seed in range(5):
        noise = torch.randn(targets.shape, generator=torch.Generator().manual_seed(seed))
        assert mask_loss("softmax", targets.log() + noise, batch, **arguments) > best
    moved = targets.log().clone()
    moved[1, 2] += 100.0
    torch.testing.assert_close(mask_loss("softmax", moved, batch, **arguments), best)


def test_error_level_is_an_snr_of_performers_who_sound():
    batch = random_batch()
    batch = replace(batch, sources=batch.sources.clone())
    batch.sources[0, 1] = 0.0  # rests, and cannot be off
    targets = mask_targets(batch, "wiener")
    masks = torch.rand(targets.shape, generator=torch.Generator().manual_seed(2))
    bins = torch.arange(1.0, 9.0)
    signal = torch.sqrt(bins[:, None]) * batch.mixture[:, None] * targets
    error = torch.sqrt(bins[:, None]) * batch.mixture[:, None] * (targets - masks)
    bels = [
        np.log10(float(error[i, k].square().sum() / signal[i, k].square().sum()) + 1e-3)
        for i, k in [(0, 0), (0, 2), (1, 0), (1, 1)]
    ]
    assert float(error_level(masks, targets, batch, bins)) == pytest.approx(np.mean(bels), rel=1e-5)
    assert float(error_level(targets, targets, batch)) == pytest.approx(-3.0)
    logits = torch.randn(2, 3, 8, 4, generator=torch.Generator().manual_seed(3))
    both, alone = (
        mask_loss("softmax", logits, batch, target="wiener", weight="level", loss=loss)
        for loss in ("cross_entropy_snr", "cross_entropy")
    )
    rest = error_level(masks_from_logits("softmax", logits, batch.present), targets, batch)
    torch.testing.assert_close(both - alone, rest)


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("head", ["sigmoid", "softmax", "softmax-residual"])
def test_the_loss_of_a_batch_is_the_mean_of_its_mixtures_losses(head, loss):
    """So that processes which share a batch do the step of one."""
    batch = random_batch()
    logits = torch.randn(2, 4, 8, 4, generator=torch.Generator().manual_seed(3))
    count = 3 + (head == "softmax-residual")
    settings = {"target": "wiener", "weight": "level", "loss": loss}
    whole = mask_loss(head, logits[:, :count], batch, **settings)
    # The second mixture by itself is not padded to three players.
    parts = [
        mask_loss(head, logits[:1, :count], part_of(batch, slice(0, 1), 3), **settings),
        mask_loss(
            head,
            logits[1:, [n for n in range(count) if n != 2]],
            part_of(batch, slice(1, 2), 2),
            **settings,
        ),
    ]
    torch.testing.assert_close(whole, torch.stack(parts).mean())


def part_of(batch, mixtures, players):
    return Batch(
        sources=batch.sources[mixtures, :players],
        residual=batch.residual[mixtures],
        mixture=batch.mixture[mixtures],
        labels=batch.labels[mixtures, :players],
        present=batch.present[mixtures, :players],
    )


def test_rows_stand_for_the_bins_that_they_cover():
    # From one end of the axis to the other, rows grow by the factor 21 of their warp.
    bins = LogSpectrogram(SpectrogramConfig()).bins_per_row
    assert float(bins[-1] / bins[0]) == pytest.approx(21.0, rel=0.02)
    assert float(bins[1:-1].sum() + (bins[0] + bins[-1]) / 2) == pytest.approx(511, rel=1e-3)
    even = SpectrogramConfig(frequency="linear", rows=512)
    torch.testing.assert_close(LogSpectrogram(even).bins_per_row, torch.ones(512))


# --- measuring ----------------------------------------------------------------------------------


def test_ideal_masks_bound_the_validation(corpus):
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("test"), training_config().mixing)
    mixtures = fixed_mixtures(mixer, 2, 3, seed=0)
    again = fixed_mixtures(mixer, 2, 3, seed=0)
    np.testing.assert_array_equal(mixtures[2].mixture, again[2].mixture)
    torch.manual_seed(0)
    model = SeparationModel(model_config())
    row = validate(model, mixtures, LabelConditions().encoder(model, "test"), "test")
    assert row.ideal_db > 15
    assert row.mixture_db == pytest.approx(0.0, abs=0.5)
    assert row.share < 0.6
    assert model.training


def test_a_network_is_validated_where_it_computes(corpus, monkeypatch):
    """The device "meta" refuses what lies elsewhere, as a GPU does; but it holds no numbers."""
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("test"), training_config().mixing)
    model = SeparationModel(model_config(fusion="film-final")).to("meta")
    fetched = []

    def fetch(tensor):
        fetched.append(tensor.device.type)
        return torch.ones(tensor.shape)

    def sound(front_end, spectrum, length):  # torch.istft looks at numbers
        return spectrum.real.new_empty(len(spectrum), length)

    monkeypatch.setattr(torch.Tensor, "cpu", fetch)
    monkeypatch.setattr(LogSpectrogram, "istft", sound)
    encode = LabelConditions().encoder(model, "test")
    row = validate(model, fixed_mixtures(mixer, 2, 1, seed=0), encode, "test")
    assert row.players == 2
    assert fetched == ["meta"] * 3  # the network's stems, the ideal ones, the exchanged ones


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_trains_stops_and_goes_on(corpus, bank, tmp_path, precision):
    config = training_config(model=model_config(conditioner="point_cloud"), precision=precision)
    for steps in (4, None):
        train(config, corpus, tmp_path, steps=steps, cloud_bank=bank, device="cuda")
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [3, 6]
    assert all(np.isfinite(float(row["gain_db"])) for row in rows)


# --- training -----------------------------------------------------------------------------------


def test_training_learns_and_conditions_matter(corpus, tmp_path):
    config = training_config(steps=60, batch=4, validate_every=60, save_every=60, average=0.9)
    by_size = {}
    checkpoint = train(
        config,
        corpus,
        tmp_path,
        on_validation=lambda step, rows: by_size.update({row.players: row for row in rows}),
    )
    assert by_size[2].gain_db > 8
    # The other player's condition gives the other player's sound.
    assert by_size[2].shuffled_db < by_size[2].model_db - 15
    model = SeparationModel.load(checkpoint)
    assert model.config == config.model


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stopped_run_goes_on_to_the_same_weights(corpus, tmp_path, workers):
    config = training_config()
    train(config, corpus, tmp_path / "whole")
    train(config, corpus, tmp_path / "halves", steps=4, workers=workers)
    train(config, corpus, tmp_path / "halves", workers=workers)
    states = [torch.load(tmp_path / n / "state.pt", weights_only=True) for n in ("whole", "halves")]
    assert states[0]["step"] == states[1]["step"] == 6
    for part in ("model", "average"):
        for name, value in states[0][part].items():
            assert torch.equal(value, states[1][part][name]), name
    for one, two in zip(
        states[0]["optimizer"]["state"].values(),
        states[1]["optimizer"]["state"].values(),
        strict=True,
    ):
        assert torch.equal(one["exp_avg_sq"], two["exp_avg_sq"])


def test_a_run_that_stops_before_its_first_validation_goes_on_to_the_same_weights(corpus, tmp_path):
    # Without learning no validation improves on the first, and the second begins the next stage.
    curriculum = CurriculumConfig(stages=(Stage(players=2), Stage(players=3)), patience=1)
    config = training_config(
        curriculum=curriculum, learning_rate=1e-30, steps=5, validate_every=2, average=0.5
    )
    train(config, corpus, tmp_path / "whole")
    checkpoint = train(config, corpus, tmp_path / "halves", steps=1)
    assert SeparationModel.load(checkpoint).config == config.model
    train(config, corpus, tmp_path / "halves")
    one, two = (
        torch.load(tmp_path / n / "state.pt", weights_only=True) for n in ("whole", "halves")
    )
    assert one["stage"] == two["stage"]
    assert one["best"] == two["best"]
    for part in ("model", "average"):
        for name, value in one[part].items():
            assert torch.equal(value, two[part][name]), name
    for name in ("log.csv", "best.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halves" / name).read_bytes()


def test_steps_that_are_done_again_have_one_line_in_the_log(corpus, tmp_path):
    """A run that was killed between the log's line and its state."""
    train(training_config(steps=6), corpus, tmp_path, steps=4)
    before = (tmp_path / "log.csv").read_text()
    later = before.splitlines()[1].replace("3,", "6,", 1)
    (tmp_path / "log.csv").write_text(before + later + "\n" + "9,")
    train(training_config(steps=6), corpus, tmp_path)
    after = (tmp_path / "log.csv").read_text()
    assert after.startswith(before)
    assert [line.split(",")[0] for line in after.splitlines()] == ["step", "3", "6"]
    assert later not in after


def test_log_has_a_line_a_validation(corpus, tmp_path):
    shares, steps = [], []
    train(
        training_config(),
        corpus,
        tmp_path,
        progress=shares.append,
        on_validation=lambda step, rows: steps.append((step, len(rows))),
    )
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [3, 6]
    assert all(float(row["loss"]) > 0 for row in rows)
    assert shares[-1] == 1.0
    assert steps == [(3, 2), (6, 2)]


def test_a_batch_too_large_for_the_memory_is_one_clear_error(corpus, tmp_path, monkeypatch):
    config = training_config(steps=2)

    def greedy(self, picture, conditions):
        return torch.empty(1 << 50)  # a petabyte

    def broken(self, picture, conditions):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(SeparationModel, "mask_logits", greedy)
    with pytest.raises(DataError, match=r"batch of .* the computer's memory: choose a smaller"):
        train(config, corpus, tmp_path / "greedy")
    monkeypatch.setattr(SeparationModel, "mask_logits", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(config, corpus, tmp_path / "broken")


def test_a_state_of_another_network_is_refused(corpus, tmp_path):
    train(training_config(steps=1, save_every=1), corpus, tmp_path)
    other = model_config(backbone=UNetConfig(levels=4, width=6, initialization="kaiming"))
    kept = (tmp_path / "config.json").read_bytes()
    with pytest.raises(FileFormatError, match="another network"):
        train(training_config(model=other), corpus, tmp_path)
    assert (tmp_path / "config.json").read_bytes() == kept


def test_mixed_precision_trains(corpus, tmp_path, monkeypatch):
    given, plain = [], UNet.forward

    def watched(network, picture):
        features = plain(network, picture)
        if network.training:
            given.append(features.dtype)
        return features

    monkeypatch.setattr(UNet, "forward", watched)
    checkpoint = train(training_config(steps=2, precision="bfloat16"), corpus, tmp_path)
    assert given == [torch.bfloat16] * 2
    weights = SeparationModel.load(checkpoint).state_dict().values()
    assert all(torch.isfinite(value).all() for value in weights)


def test_learning_rate_rises_and_falls():
    rates = [learning_rate(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[9] == pytest.approx(1.0)
    assert rates[-1] < 0.02
    assert all(a > b for a, b in pairwise(rates[10:]))


# --- point clouds -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("labels") / "labels.safetensors"
    SeparationModel(model_config()).save(path)
    return path


def taught(**run):
    return training_config(
        model=model_config(conditioner="point_cloud"),
        save_every=2,
        distillation=DistillationConfig(**{"steps": 60, "batch": 6, "warm_up": 5, **run}),
    )


def test_distillation_makes_clouds_say_what_labels_say(labels, bank, tmp_path):
    accuracies = []
    joined = distil(
        taught(validate_every=60),
        labels,
        bank,
        tmp_path,
        on_validation=lambda step, accuracy: accuracies.append(accuracy),
    )
    assert accuracies == [1.0]
    model, teacher = SeparationModel.load(joined), SeparationModel.load(labels)
    conditions = SeenConditions(bank=CloudBank.open(bank), config=model.config)
    counts = confusion_matrix(model, conditions, "test", teacher.encode_labels(INSTRUMENTS))
    np.testing.assert_array_equal(counts, 6 * np.eye(3))
    # The audio network came along unchanged.
    for name, weights in teacher.backbone.state_dict().items():
        torch.testing.assert_close(model.backbone.state_dict()[name], weights, rtol=1e-3, atol=1e-4)


def test_distillation_goes_on_with_the_very_step(labels, bank, tmp_path):
    config = taught(steps=5, validate_every=5, shares=(2.0, 1.0, 1.0))
    whole = SeparationModel.load(distil(config, labels, bank, tmp_path / "whole"))
    distil(config, labels, bank, tmp_path / "parts", steps=3)
    parts = SeparationModel.load(distil(config, labels, bank, tmp_path / "parts"))
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, rtol=0, atol=0)


def test_a_teacher_of_another_kind_is_refused(labels, bank, corpus, tmp_path):
    with pytest.raises(DataError, match="only one that looks at point clouds"):
        distil(training_config(), labels, bank, tmp_path)
    joined = distil(taught(steps=1), labels, bank, tmp_path)
    with pytest.raises(DataError, match="not conditioned on labels"):
        distil(taught(), joined, bank, tmp_path)
    wide = model_config(
        conditioner="point_cloud", backbone=UNetConfig(levels=4, width=6, initialization="kaiming")
    )
    with pytest.raises(FileFormatError, match="audio network"):
        distil(replace(taught(), model=wide), labels, bank, tmp_path)


def test_the_command_trains_teaches_and_says_how_well(corpus, bank, labels, tmp_path):
    def run(config, name, *options):
        write_training_config(tmp_path / f"{name}.json", config)
        out = tmp_path / name
        words = ["train", tmp_path / f"{name}.json", "--corpus", corpus, "--out", out, *options]
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        assert done.stdout.split() == [str(out / "best.safetensors")]
        return done.stderr

    heard = run(training_config(steps=3), "heard")
    assert re.search(r"step 3: validation gains -?\d+\.\d dB with 2 players", heard)
    seen = run(taught(steps=1), "seen", "--teacher", labels, "--clouds", bank)
    assert re.search(r"step 1: \d+% of the validation clouds are told apart", seen)


def test_the_configurations_of_what_ships_fit_together():
    """`auralize train pcs-depth-small --teacher` takes what `pcs-label-small` trains."""
    sizes = []
    for name in ("pcs-label-small", "pcs-depth-small"):
        model = SeparationModel(read_training_config(name).model)
        assert model.config.instruments == load_model().config.instruments
        heard = {k: v.shape for k, v in model.state_dict().items() if "conditioner" not in k}
        sizes.append(heard)
    assert sizes[0] == sizes[1]


def test_the_mean_of_checkpoints_is_the_mean_of_their_weights(labels, tmp_path):
    torch.manual_seed(1)
    other = SeparationModel(model_config())
    other.save(tmp_path / "other.safetensors")
    output = tmp_path / "mean.safetensors"
    mean_of_checkpoints(
        {str(labels): 3, str(tmp_path / "other.safetensors"): 1}, output, half=False
    )
    mean, first = SeparationModel.load(output), SeparationModel.load(labels)
    for name, value in mean.state_dict().items():
        expected = 0.75 * first.state_dict()[name] + 0.25 * other.state_dict()[name]
        if value.is_floating_point():
            torch.testing.assert_close(value, expected)
    SeparationModel(model_config(channels=5)).save(tmp_path / "wide.safetensors")
    with pytest.raises(FileFormatError, match="another network than the first"):
        mean_of_checkpoints({str(labels): 1, str(tmp_path / "wide.safetensors"): 1}, output)
    with pytest.raises(ValueError, match="positive share"):
        mean_of_checkpoints({}, output)


def test_training_looks_at_every_image_of_a_performer(corpus, bank, labels, tmp_path, monkeypatch):
    several = tmp_path / "bank"
    opened = CloudBank.open(bank)
    for split in ("train", "validation", "test"):
        for name in INSTRUMENTS:
            clouds = [opened.points(split, name, k) for k in range(6)]
            write_clouds(several, split, name, clouds, images=3)
    seen = set()
    look = SeenConditions.voxels

    def watched(self, split, instrument, performer, rng=None, image=0):
        seen.add((split, image % 3))
        return look(self, split, instrument, performer, rng, image)

    monkeypatch.setattr(SeenConditions, "voxels", watched)
    every = {("train", 0), ("train", 1), ("train", 2)}
    config = training_config(model=model_config(conditioner="point_cloud"), steps=3)
    train(config, corpus, tmp_path / "run", cloud_bank=several)
    assert every <= seen
    seen.clear()
    distil(taught(steps=3), labels, several, tmp_path / "seen")
    assert every <= seen
    assert not any(split == "test" for split, _ in seen)


def test_joint_training_moves_both_networks(corpus, bank, tmp_path):
    config = training_config(model=model_config(conditioner="point_cloud"), steps=2)
    with pytest.raises(DataError, match="holds no clouds"):
        train(config, corpus, tmp_path / "none")
    torch.manual_seed(config.seed)
    before = SeparationModel(config.model).state_dict()
    train(config, corpus, tmp_path / "run", cloud_bank=bank)
    after = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["model"]
    for name in ("backbone.outermost.down.weight", "conditioner.network.features.0.kernel"):
        assert not torch.equal(before[name], after[name])


def test_training_starts_from_a_checkpoint(corpus, bank, tmp_path):
    torch.manual_seed(5)
    labels = SeparationModel(model_config())
    labels.save(tmp_path / "labels.safetensors")
    config = training_config(
        model=model_config(conditioner="point_cloud"), steps=1, learning_rate=0.0, save_every=1
    )
    train(
        config,
        corpus,
        tmp_path / "run",
        cloud_bank=bank,
        initial_weights=tmp_path / "labels.safetensors",
    )
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["model"]
    for name, value in labels.backbone.named_parameters():
        torch.testing.assert_close(state[f"backbone.{name}"], value.detach())


def test_image_weights_are_where_a_network_starts_to_look(corpus, bank, tmp_path):
    theirs = ResNet(width=4, dilated=True)
    torch.save(theirs.state_dict(), tmp_path / "images.pth")
    picture = PictureConfig(width=4, pixels=32, pictures=1)
    config = training_config(
        model=model_config(conditioner="picture", picture=picture), steps=1, learning_rate=0.0
    )
    colored = tmp_path / "bank"
    for split in ("train", "validation"):
        for instrument in INSTRUMENTS:
            cloud = np.random.default_rng(0).normal(0, 0.3, (400, 3)).astype(np.float32)
            shades = np.full((400, 3), 200, np.uint8)
            write_clouds(colored, split, instrument, [cloud], [shades])
    weights = {"cloud_bank": colored, "image_weights": tmp_path / "images.pth"}
    train(config, corpus, tmp_path / "run", **weights)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["model"]
    torch.testing.assert_close(
        state["conditioner.network.layer4.1.conv2.weight"],
        theirs.state_dict()["layer4.1.conv2.weight"],
    )
    with pytest.raises(DataError, match="without color"):
        train(config, corpus, tmp_path / "grey", cloud_bank=bank)
    with pytest.raises(ValueError, match="looks at no picture"):
        train(training_config(), corpus, tmp_path / "label", image_weights=tmp_path / "images.pth")


def test_banks_give_back_what_was_written(bank, tmp_path):
    clouds = [np.random.default_rng(i).normal(size=(20 + i, 3)).astype(np.float32) for i in (0, 1)]
    write_clouds(tmp_path, "train", "viola", clouds)
    opened = CloudBank.open(tmp_path)
    assert opened.count("train", "viola") == 2
    np.testing.assert_allclose(opened.points("train", "viola", 1), clouds[1], atol=2e-3)
    with pytest.raises(DataError, match=r"test-viola\.npz is missing"):
        opened.points("test", "viola", 0)
    with pytest.raises(DataError, match="holds no clouds"):
        CloudBank.open(tmp_path / "nowhere")


# --- configuration ------------------------------------------------------------------------------


def test_configurations_come_from_json(tmp_path):
    config = read_training_config("pcs-depth-small")
    assert config.model.head == "softmax"
    with pytest.raises(ValueError, match=r"unknown key mixing\.frame"):
        from_mapping(TrainingConfig, {"mixing": {"frame": 3}})
    with pytest.raises(FileFormatError, match="pcs-depth-small"):
        read_training_config(tmp_path / "none.json")


def test_everyone_else_is_asked_about_and_rests(corpus):
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("train"), MixingConfig(frames=32, augment=PLAIN))
    mixtures = [mixer.draw(np.random.default_rng(i), players=2) for i in range(3)]
    front_end = LogSpectrogram(SpectrogramConfig())
    batch = make_batch(mixtures, front_end, INSTRUMENTS, everyone=True)
    assert batch.present.all()
    for mixture, labels, sources in zip(mixtures, batch.labels, batch.sources, strict=True):
        assert sorted(labels.tolist()) == [0, 1, 2]
        playing = [INSTRUMENTS[n] in mixture.instruments for n in labels.tolist()]
        assert [bool(source.any()) for source in sources] == playing


def test_ratio_targets_share_magnitudes_and_smooth_l1_is_its_formula():
    sources = torch.tensor([3.0, 1.0, 0.0])[None, :, None, None].expand(1, 3, 2, 2)
    batch = Batch(
        sources=sources,
        residual=torch.zeros(1, 2, 2),
        mixture=torch.ones(1, 2, 2),
        labels=torch.tensor([[0, 1, 2]]),
        present=torch.tensor([[True, True, False]]),
    )
    targets = mask_targets(batch, "ratio")
    torch.testing.assert_close(targets[0, :, 0, 0], torch.tensor([0.75, 0.25, 0.0]))
    logits = torch.zeros(1, 3, 2, 2)  # masks of one half
    loss = mask_loss("sigmoid", logits, batch, target="ratio", weight="even", loss="smooth_l1")
    assert float(loss) == pytest.approx(0.5 * 0.25**2, rel=1e-6)
