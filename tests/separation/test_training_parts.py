"""Curriculum, several processes, machines that hold little more than torch, and logs."""

import copy
import csv
import json
import os
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from capture.errors import DataError, DeviceError, OutputError
from separation.backbones import UNetConfig
from separation.conditioners import PictureConfig
from separation.conditioners.point_cloud import CloudConfig, PointCloudConfig
from separation.conditioners.pose import Movement, PoseConditioner, PoseConfig
from separation.configuration import from_mapping
from separation.corpus import Stem, open_corpus, write_clouds, write_shard
from separation.model import ModelConfig, SeparationModel
from separation.spectrogram import SpectrogramConfig
from separation.training import AugmentConfig, MixingConfig, TrainingConfig, train
from separation.training.curriculum import Curriculum, CurriculumConfig, Stage
from separation.training.data import open_mixer
from separation.training.mixing import Mixer
from separation.training.parallel import Processes, synchronize_batch_norm
from separation.training.state import read_state, write_state

RATE = 11025
INSTRUMENTS = ("violin", "cello", "guitar")
ROOT = Path(__file__).parents[2]
PLAIN = AugmentConfig(
    speed=0.0, peak_db=0.0, peaks=0, tilt_db=0.0, gain_db=0.0, dry_share=1.0, noise_db=(90.0, 90.0)
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Noise, a few seconds for each instrument and split, and a few clouds."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for instrument in INSTRUMENTS:
        sounds = []
        for split in ("train", "validation"):
            for piece in range(2):
                stem = Stem(
                    instrument=instrument,
                    family="noise",
                    split=split,
                    piece=f"{split}-{piece}",
                    shard="",
                    start=0,
                    length=0,
                )
                sounds.append((stem, 0.1 * rng.normal(size=2 * RATE).astype(np.float32)))
        write_shard(folder, instrument, sounds)
        for split in ("train", "validation"):
            clouds = [rng.uniform(-0.5, 0.5, (300, 3)).astype(np.float32) for _ in range(3)]
            shades = [rng.integers(0, 256, (300, 3), dtype=np.uint8) for _ in clouds]
            write_clouds(folder / "clouds", split, instrument, clouds, shades)
    return folder


def run_config(**changes):
    model = ModelConfig(
        instruments=INSTRUMENTS,
        channels=4,
        spectrogram=SpectrogramConfig(relative_level=True, floor=1e-3),
        backbone=UNetConfig(levels=3, width=4, initialization="kaiming"),
        conditioner="point_cloud",
        point_cloud=PointCloudConfig(
            cloud=CloudConfig(voxel=0.1, feature="rgb"), width=4, out_channels=4
        ),
    )
    settings = {
        "model": model,
        "mixing": MixingConfig(frames=32, players=((2, 0.5), (3, 0.5)), augment=PLAIN),
        "steps": 4,
        "batch": 4,
        "warm_up": 1,
        "validate_every": 2,
        "validation_mixtures": 2,
        "average": 0.5,
        "loss": "cross_entropy_snr",
    }
    return TrainingConfig(**settings | changes)


def environment(**extra):
    plain = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return plain | extra


def log_of(run):
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_stages_follow_when_validation_stops_improving():
    config = CurriculumConfig(
        stages=(Stage(players=2), Stage(players=3), Stage(players=3, same_instrument=True)),
        patience=2,
    )
    curriculum = Curriculum(config)
    begun = [curriculum.judge(gain) for gain in (1.0, 2.0, 2.0, 1.9)]
    assert begun == [False, False, False, True]
    # Harder mixtures begin with a best of their own.
    assert [curriculum.judge(gain) for gain in (0.5, 0.4, 0.5)] == [False, False, True]
    assert curriculum.stage == Stage(players=3, same_instrument=True)
    assert not any(curriculum.judge(gain) for gain in (0.2, 0.1, 0.1, 0.1))  # the last one


def test_mixtures_of_a_stage_are_as_it_says(corpus):
    opened = open_corpus(corpus)
    mixer = Mixer(opened, opened.select("train"), MixingConfig(frames=32, augment=PLAIN))
    for seed in range(10):
        mixture = mixer.draw(np.random.default_rng(seed), players=3, same_instrument=True)
        assert len(mixture.instruments) == 3
        assert len(set(mixture.instruments)) == 2
        assert mixture.instruments[0] == mixture.instruments[-1]


def test_a_run_goes_through_its_stages_and_resumes_in_them(corpus, tmp_path):
    # With a learning rate of nothing, no validation improves on the first.
    curriculum = CurriculumConfig(stages=(Stage(players=2), Stage(players=3)), patience=1)
    config = run_config(
        curriculum=curriculum, learning_rate=1e-30, validate_every=1, save_every=1, steps=5
    )
    train(config, corpus, tmp_path / "whole")
    rows = log_of(tmp_path / "whole")
    assert [row["stage"] for row in rows] == ["0", "0", "1", "1", "1"]
    train(config, corpus, tmp_path / "parts", steps=3)
    train(config, corpus, tmp_path / "parts")
    assert log_of(tmp_path / "parts") == rows


def test_two_processes_do_the_steps_of_one(corpus, tmp_path):
    """The same batches, shared by two: the same losses and the same weights."""
    config = run_config(seed=2)  # in whose steps one process often has more players than the other
    # With FiLM, norms of the audio network see the absent, too.
    config = replace(config, model=replace(config.model, fusion="film-bottleneck"))
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    arguments = ["-m", "separation.training", "../config.json", str(corpus)]
    parallel = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, command in (("one", arguments), ("two", [*parallel, *arguments])):
        (tmp_path / name).mkdir()
        subprocess.run(
            [sys.executable, *command, "run", "--device", "cpu"],
            cwd=tmp_path / name,
            env=environment(GLOO_SOCKET_IFNAME="lo"),
            check=True,
            capture_output=True,
            timeout=300,
        )
    one, two = (log_of(tmp_path / name / "run") for name in ("one", "two"))
    assert len(one) == len(two) == 2
    for first, second in zip(one, two, strict=True):
        assert float(second["loss"]) == pytest.approx(float(first["loss"]), rel=1e-4)
        assert float(second["gain_db"]) == pytest.approx(float(first["gain_db"]), abs=1e-2)
    states = [
        torch.load(tmp_path / name / "run" / "state.pt", weights_only=True)["model"]
        for name in ("one", "two")
    ]
    # A step moves a weight by up to 1e-3, and Adam divides by the gradient's size: where that is
    # nearly nothing, rounding alone moves a weight by a part of a step. Other batches would move
    # most weights by whole steps.
    for name, value in states[0].items():
        difference = (states[1][name].double() - value.double()).abs()
        assert float(difference.mean()) < 5e-5, name
        assert float(difference.max()) < 5e-4, name


def test_players_movements_are_normalized_over_all_processes(monkeypatch):
    """Threads for processes: outputs, gradients and statistics of a half are those of the whole."""
    config = PoseConfig(widths=(4, 6), kernel=3, context=True)
    torch.manual_seed(0)
    whole = PoseConditioner(config, (-1, 0, 1), 5, PictureConfig(width=2, pixels=32))
    poses, pictures = torch.randn(4, 6, 3, 4), torch.randn(4, 3, 32, 32)
    wanted = torch.randn(4, 5, 6)  # of every output another weight in the loss
    halves = [copy.deepcopy(whole) for _ in range(2)]
    expected = whole(Movement(poses=poses, pictures=pictures))
    (expected * wanted).mean().backward()

    meeting, said = threading.Barrier(2, timeout=60), {}

    def all_reduce(tensor):
        said[threading.current_thread()] = tensor.clone()
        meeting.wait()
        total = sum(said.values())
        meeting.wait()
        tensor.copy_(total)

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)

    def work(network, part):
        synchronize_batch_norm(network)
        encoded = network(Movement(poses=poses[part], pictures=pictures[part]))
        (encoded * wanted[part]).mean().backward()
        return encoded

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(work, halves, [slice(0, 2), slice(2, 4)]))
    torch.testing.assert_close(torch.cat(results), expected, rtol=1e-3, atol=1e-4)
    for one, two, both in zip(*(n.parameters() for n in (*halves, whole)), strict=True):
        torch.testing.assert_close((one.grad + two.grad) / 2, both.grad, rtol=1e-3, atol=1e-4)
    for half in halves:
        assert list(half.state_dict()) == list(whole.state_dict())
        for name, value in whole.named_buffers():
            torch.testing.assert_close(half.get_buffer(name), value, rtol=1e-4, atol=1e-5)


def test_processes_share_a_batch_or_say_why_not():
    second = Processes(rank=1, count=2, device=torch.device("cpu"))
    assert second.share_of(6) == range(3, 6)
    with pytest.raises(ValueError, match="2 processes cannot share a batch of 5"):
        second.share_of(5)


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(corpus, tmp_path):
    with pytest.raises(DeviceError, match="no GPU"):
        train(run_config(), corpus, tmp_path, device="cuda")


def test_training_needs_no_more_than_torch_numpy_scipy_and_safetensors(corpus, tmp_path):
    """On a machine where nothing else can be imported, of all that the package depends on."""
    (tmp_path / "config.json").write_text(json.dumps(asdict(run_config())))
    script = """
import importlib.metadata, runpy, sys
allowed = {"torch", "numpy", "scipy", "safetensors"}
project = {"capture", "separation", "scenes", "auralize"}
needed = {d.lower().replace("-", "_") for d in importlib.metadata.packages_distributions()}
# torch's own dependencies come with it.
torchs = {"sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec", "filelock",
          "typing_extensions", "setuptools", "pkg_resources", "_distutils_hack", "torchgen",
          "functorch", "isympy", "numpy_libs"}
blocked = needed - allowed - project - torchs

sys.modules.update(dict.fromkeys(blocked))  # their import fails, their search finds nothing
sys.argv = ["train", "config.json", sys.argv[1], "run", "--device", "cpu"]
runpy.run_module("separation.training", run_name="__main__")
assert "pydantic" in blocked and "jaxtyping" in blocked and "soundfile" in blocked
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(corpus)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert SeparationModel.load(tmp_path / "run" / "best.safetensors").config.channels == 4


def test_tensorboard_gets_what_the_log_gets(corpus, tmp_path):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    train(run_config(), corpus, tmp_path)
    (path,) = (tmp_path / "tensorboard").glob("events.out.tfevents.*")
    data, place, seen = path.read_bytes(), 0, {}
    while place < len(data):  # records: length, its checksum, content, its checksum
        (length,) = struct.unpack_from("<Q", data, place)
        event = event_pb2.Event.FromString(data[place + 12 : place + 12 + length])
        for value in event.summary.value:
            seen[event.step, value.tag] = value.simple_value
        place += 16 + length
    rows = log_of(tmp_path)
    assert {step for step, _ in seen} == {2, 4}
    for row in rows:
        for name, text in row.items():
            if name != "step":
                assert seen[int(row["step"]), name] == pytest.approx(float(text), rel=1e-5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"batches": 3}, "unknown key batches"),
        ({"model": {"backbone": {"level": 3}}}, "unknown key model.backbone.level"),
        ({"batch": "4"}, "batch must be int, got '4'"),
        ({"batch": True}, "batch must be int"),
        ({"learning_rate": "fast"}, "learning_rate must be float"),
        ({"precision": "float64"}, "precision is 'float64': choose from float32, bfloat16"),
        ({"model": 3}, "model must be a mapping"),
        ({"mixing": {"noise_db": [1.0]}}, "unknown key mixing.noise_db"),
        ({"mixing": {"augment": {"noise_db": [1.0]}}}, "noise_db must have 2 items, got 1"),
        ({"mixing": {"families": "csound"}}, "families must be a list"),
        ({"model": {"backbone": {"levels": 2}}}, "model.backbone: a U-Net needs"),
    ],
)
def test_wrong_configurations_are_refused_by_key(data, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.").replace("[", r"\[")):
        from_mapping(TrainingConfig, data)


def test_configurations_come_back_from_json():
    config = run_config(
        curriculum=CurriculumConfig(stages=(Stage(players=2), Stage(players=3)), patience=3)
    )
    assert from_mapping(TrainingConfig, json.loads(json.dumps(asdict(config)))) == config
    assert from_mapping(TrainingConfig, {"warm_up": 3, "learning_rate": 1}).learning_rate == 1.0


def test_a_full_disk_is_said_and_keeps_the_state_before(tmp_path):
    resource = pytest.importorskip("resource")
    config = run_config().model
    content = {"config": json.dumps(asdict(config)), "weights": torch.zeros(10)}
    write_state(tmp_path / "state.pt", content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write_state(tmp_path / "state.pt", {**content, "weights": torch.zeros(5000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = read_state(tmp_path / "state.pt", config)
    assert kept is not None
    assert len(kept["weights"]) == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": -1}, "steps must be 1 or more"),
        ({"batch": 0}, "batch must be 1 or more"),
        ({"learning_rate": -1e-3}, "learning_rate, .* must be 0 or more"),
        ({"mixing": MixingConfig(frames=36)}, "frames must be a multiple of 8"),
        (
            {"curriculum": CurriculumConfig(stages=(Stage(players=7),))},
            "asks for 7 players and the network has",
        ),
    ],
)
def test_runs_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        replace(run_config(), **changes)


def test_a_network_of_another_rate_than_the_corpus_is_refused():
    model = run_config().model
    fast = replace(model, spectrogram=replace(model.spectrogram, sample_rate_hz=48000))
    with pytest.raises(ValueError, match="48000 Hz and 256 cannot be trained"):
        replace(run_config(), model=fast)
    with pytest.raises(ValueError, match="players are pairs of a number, 2 or more"):
        MixingConfig(players=((1, 1.0),))


def test_what_the_corpus_lacks_is_said_once(corpus, caplog):
    config = run_config()
    names = (*config.model.instruments, "theremin")
    lacking = replace(config, model=replace(config.model, instruments=names))
    for _ in range(2):
        open_mixer(lacking, corpus, "train")
    assert [m for m in caplog.messages if "no theremin for train" in m] == caplog.messages
    assert len(caplog.messages) == 1
    count = len(config.model.instruments) + 1
    crowded = replace(lacking, curriculum=CurriculumConfig(stages=(Stage(players=count),)))
    with pytest.raises(DataError, match=f"asks for {count} players"):
        open_mixer(crowded, corpus, "train")


def test_a_diverged_run_says_so_and_keeps_what_was(corpus, tmp_path, monkeypatch):
    config = replace(run_config(), steps=2, save_every=1)
    train(config, corpus, tmp_path, steps=1)
    before = (tmp_path / "state.pt").read_bytes()
    monkeypatch.setattr(
        "separation.training.run.mask_loss",
        lambda *_, **__: torch.tensor(torch.nan).requires_grad_(),
    )
    with pytest.raises(DataError, match="loss of step 1 is not a finite number"):
        train(config, corpus, tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == before
