"""Whole takes: lengths, sums, edges, equal players, with a network whose masks are known."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from capture.errors import DataError
from capture.performer import Performer
from capture.point_cloud import PointCloud
from capture.pose import Trajectory
from capture.waveform import Waveform
from separation.backbones import UNetConfig
from separation.conditions import encode_performers
from separation.full_band import FullBandConfig
from separation.metrics import si_sdr
from separation.model import ModelConfig, SeparationModel
from separation.resampling import resampled
from separation.separator import SeparateConfig, separate
from separation.sharing import group_performers, soft_masks
from separation.spectrogram import SpectrogramConfig
from separation.stem_folder import read_separation, stem_files, write_separation
from separation.windows import mask_logits, window_starts

POINT_CLOUD = dataclasses.replace(ModelConfig().point_cloud, width=4)


def performer(number, height=1.0, instrument=None, clouds=3):
    rng = np.random.default_rng(number)
    positions = rng.uniform(-1, 1, (500, 3)) * [0.2, 0.4, 0.5 * height] + [2.0, number - 1.0, 1.0]
    return Performer(
        name=f"performer-{number + 1}",
        trajectory=Trajectory(
            times_s=np.array([0.0, 1.0]),
            positions_m=np.array([[2.0, number - 1.0, 1.0]] * 2),
            orientations_wxyz=np.array([[0.0, 0.0, 0.0, 1.0]] * 2),
        ),
        cloud_times_s=np.linspace(0, 1, clouds),
        clouds=tuple(PointCloud(positions_m=positions) for _ in range(clouds)),
        instrument=instrument,
    )


PERFORMERS = [performer(0), performer(1, 1.3), performer(2, 0.7)]


class SplitByFrequency(SeparationModel):
    """Performer p of P owns the p-th part of the network's rows; the rest is real."""

    edge = 8.0
    equal = False

    def mask_logits(self, log_spectrogram, conditions):
        self.windows = getattr(self, "windows", 0) + len(log_spectrogram)
        rows, frames = log_spectrogram.shape[-2:]
        count = conditions.shape[1]
        centre = (torch.arange(count) + 0.5) / count
        if self.equal:
            centre = centre.clone()
            centre[1] = centre[0] + 0.001
        distance = torch.arange(rows)[None] / rows - centre[:, None]
        logits = -((distance * self.edge) ** 2) * 8
        return logits[None, :, :, None].expand(len(log_spectrogram), -1, -1, frames)


def build(kind=SplitByFrequency, **changes):
    torch.manual_seed(0)
    defaults = {
        "head": "softmax", "backbone": UNetConfig(width=4), "point_cloud": POINT_CLOUD
    }  # fmt: skip
    config = ModelConfig(**{**defaults, **changes})
    return kind(config).eval()


@pytest.fixture(scope="module")
def splitter():
    return build()


def noise(seconds, rate, seed=0):
    rng = np.random.default_rng(seed)
    samples = 0.1 * rng.standard_normal((1, max(1, round(seconds * rate))))
    return Waveform(samples=samples.astype(np.float32), sample_rate_hz=rate)


def tone(frequency_hz, seconds, rate):
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 192000])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.8, 7.3])
def test_stems_and_residual_are_the_mixture(splitter, rate, seconds):
    mixture = noise(seconds, rate)
    separation = separate(mixture, PERFORMERS, splitter)
    sounds = [stem.waveform for stem in separation.stems] + [separation.residual]
    assert {sound.sample_rate_hz for sound in sounds} == {rate}
    assert {sound.samples.shape for sound in sounds} == {mixture.samples.shape}
    error = sum(sound.samples.astype(np.float64) for sound in sounds) - mixture.samples
    assert np.sum(error**2) <= 1e-12 * np.sum(mixture.samples.astype(np.float64) ** 2)
    assert separation.manifest.reconstruction_db <= -120
    assert separation.manifest.sample_count == mixture.sample_count


@pytest.mark.parametrize("frequency", ["log", "linear", "bands"])
@pytest.mark.parametrize("rate", [11025, 48000])
def test_masks_reach_the_right_frequencies(rate, frequency):
    """Three tones, one in the middle of each performer's rows."""
    rows = 512 if frequency == "bands" else 256
    backbone = UNetConfig(width=4, levels=6)
    splitter = build(
        spectrogram=SpectrogramConfig(frequency=frequency, rows=rows), backbone=backbone
    )
    # Row y of [−1, 1] lies at (21^((y+1)/2) − 11)/10 of the way from −Nyquist to Nyquist, of which
    # the network's picture holds the upper half of that line as 0…5512 Hz.
    middles = (np.arange(3) + 0.5) / 3
    frequencies_hz = middles * 5512.5
    if frequency == "log":
        frequencies_hz = ((21**middles - 11) / 10 + 1) / 2 * 5512.5
    tones = [0.1 * tone(frequency, 5.0, rate) for frequency in frequencies_hz]
    mixture = Waveform(samples=sum(tones)[None].astype(np.float32), sample_rate_hz=rate)
    separation = separate(mixture, PERFORMERS, splitter)
    inner = slice(rate // 4, -rate // 4)
    for reference, stem in zip(tones, separation.stems, strict=True):
        assert si_sdr(reference[inner], stem.waveform.samples[0][inner]) > 20


def test_above_the_band_energy_follows_the_shares(splitter):
    """Where only performer 3 sounds near the band's end, it gets what lies above."""
    rate = 48000
    low, high = tone(150.0, 4.0, rate), tone(4200.0, 4.0, rate)
    above = 0.3 * tone(9000.0, 4.0, rate)
    mixture = Waveform(samples=(0.1 * (low + high + above))[None], sample_rate_hz=rate)
    separation = separate(mixture, PERFORMERS, splitter)
    assert separation.manifest.extrapolated_above_hz == pytest.approx(5236.875)
    got = [np.abs(np.fft.rfft(s.waveform.samples[0]))[4 * 9000] for s in separation.stems]
    assert got[2] > 0.95 * sum(got)


def test_nothing_is_extrapolated_below_the_networks_rate(splitter):
    assert separate(noise(1, 8000), PERFORMERS, splitter).manifest.extrapolated_above_hz is None


def test_windows_leave_no_seam(splitter):
    """A mask that does not change over time must not be modulated by windows or blocks."""
    rate = 48000
    mixture = Waveform(samples=0.1 * tone(300.0, 20.0, rate)[None], sample_rate_hz=rate)
    config = SeparateConfig(window_frames=128, full_band=FullBandConfig(block_frames=37))
    stem = separate(mixture, PERFORMERS, splitter, config).stems[0].waveform.samples[0]
    level = np.sqrt(np.mean(stem[rate:-rate].reshape(-1, 480) ** 2, axis=1))
    assert np.ptp(level) < 1e-3 * level.mean()
    whole = separate(mixture, PERFORMERS, splitter).stems[0].waveform.samples[0]
    np.testing.assert_allclose(stem, whole, atol=1e-5)


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_masks_never_sum_above_one(head):
    model = build(head=head)
    logits = np.random.default_rng(0).normal(0, 4, (4, 256, 10)).astype(np.float16)
    masks = soft_masks(logits, model, ((0, 2), (1,), (3,)))
    assert masks.min() >= 0
    assert masks.sum(axis=0).max() <= 1 + 1e-6
    np.testing.assert_array_equal(masks[0], masks[2])
    ungrouped = soft_masks(logits, model)
    np.testing.assert_allclose(masks.sum(axis=0), ungrouped.sum(axis=0), atol=1e-6)


def test_equal_players_split_equally():
    model = build()
    model.equal = True
    separation = separate(noise(3, 16000), PERFORMERS, model)
    first, second, third = separation.stems
    assert first.shared_with == ("performer-2",)
    assert second.shared_with == ("performer-1",)
    assert "cannot tell performer-1 from performer-2" in first.note
    assert third.shared_with == ()
    assert third.note == ""
    np.testing.assert_array_equal(first.waveform.samples, second.waveform.samples)


def test_unequal_players_do_not_share(splitter):
    stems = separate(noise(3, 16000), PERFORMERS, splitter).stems
    assert [stem.shared_with for stem in stems] == [(), (), ()]


def test_groups_are_transitive():
    """1 ≈ 2 and 2 ≈ 3 are one group even where 1 and 3 differ a little more."""
    model = build(head="sigmoid")
    logits = np.stack([np.full((256, 4), v) for v in (0.0, 0.3, 0.6, 4.0)]).astype(np.float16)
    assert group_performers(logits, np.ones((256, 4), np.float32), model, 0.12) == ((0, 1, 2), (3,))


def test_windows_cover_every_frame():
    for frames in (1, 5, 256, 257, 400, 1000):
        starts = window_starts(frames, 256, 128)
        assert starts[0] == 0
        assert starts == sorted(set(starts))
        assert all(b - a <= 128 for a, b in itertools.pairwise(starts))
        assert starts[-1] + 256 >= frames
        assert starts[-1] == max(frames - 256, 0)


def test_the_audio_network_runs_once_a_window():
    model = build()
    separate(noise(20, 11025), PERFORMERS, model, SeparateConfig(window_frames=256, overlap=0.5))
    frames = 1 + 20 * 11025 // 256
    assert model.windows == len(window_starts(frames, 256, 128))


def test_the_vision_network_runs_once():
    model = build()
    seen = []
    model.conditioner.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    separate(noise(20, 11025), PERFORMERS, model, SeparateConfig(clouds=2))
    # All clouds of all performers in one pass.
    assert [[len(clouds) for clouds in performers] for performers in seen] == [[2, 2, 2]]


def test_one_window_is_what_the_network_says():
    model = build(SeparationModel)
    with torch.no_grad():
        for weights in model.backbone.parameters():
            weights.mul_(3)  # away from the published initialization, whose logits are all but 0
    samples = noise(127 * 256 / 11025, 11025).samples[0]
    conditions = torch.rand(2, model.config.channels, generator=torch.Generator().manual_seed(0))
    faded, magnitudes = mask_logits(
        samples, conditions, model, window_frames=128, hop_frames=64, progress=lambda _: None
    )
    expected = model.front_end.stft(torch.from_numpy(samples)).abs()
    np.testing.assert_allclose(magnitudes, model.front_end.warp(expected).numpy(), atol=1e-4)
    with torch.inference_mode():
        seen = model.front_end.network_input(expected[None])
        logits = model.mask_logits(seen, conditions[None])[0].numpy()
    assert faded.shape == logits.shape == (2, 256, 128)
    assert np.ptp(logits) > 1e-3
    np.testing.assert_allclose(faded, logits, rtol=2e-3, atol=1e-4)


def test_one_performer_and_repeatability():
    model = build(SeparationModel)
    mixture = noise(2, 48000)
    one, again = (separate(mixture, PERFORMERS[:1], model) for _ in range(2))
    np.testing.assert_array_equal(one.stems[0].waveform.samples, again.stems[0].waveform.samples)
    assert one.manifest == again.manifest
    # Softmax over one performer gives everything to it.
    assert one.manifest.residual_db < -100


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gate_silences_who_rests_and_a_residual_keeps_what_is_nobodys(channels):
    model = build(
        SeparationModel, head="softmax-residual", gate=True, backbone=UNetConfig(width=4, levels=4)
    )
    with torch.no_grad():
        model.conditioner.network.fc.kernel.mul_(1e6)  # an untrained network sees little
    parts = [noise(3, 16000, seed).samples for seed in range(channels)]
    mixture = Waveform(samples=np.concatenate(parts), sample_rate_hz=16000)
    seen = encode_performers(PERFORMERS, model)

    def separated(*openness):
        # A gate of just these values for the three, by least squares.
        augmented = torch.cat([seen, torch.ones(3, 1)], dim=1).double()
        solution = torch.linalg.pinv(augmented) @ torch.tensor(openness).double()
        assert solution.abs().max() < 1e4
        with torch.no_grad():
            model.gate.openness.weight[0], model.gate.openness.bias[0] = solution[:-1], solution[-1]
        separation = separate(mixture, PERFORMERS, model, SeparateConfig(shared_below=0.0))
        stems = np.concatenate([stem.waveform.samples for stem in separation.stems])
        whole = stems.sum(axis=0, dtype=np.float64) + separation.residual.samples[0]
        np.testing.assert_allclose(whole, mixture.samples[0], atol=1e-6)
        energies = np.square([*stems, separation.residual.samples[0]]).sum(axis=1)
        return energies / np.square(mixture.samples[0]).sum()

    playing = separated(10.0, 10.0, 10.0)
    assert playing[:3].min() > 0.02  # logits of an untrained network: all four about alike
    assert playing[3] > 0.02
    resting = separated(10.0, 10.0, -40.0)
    assert resting[2] < 1e-6
    assert resting[:2].min() > playing[:2].min()
    assert separated(-40.0, -40.0, -40.0)[3] > 0.99


def test_channel_without_the_array(splitter):
    quiet, loud = noise(1, 16000, seed=1), noise(1, 16000, seed=2)
    both = Waveform(samples=np.concatenate([quiet.samples, loud.samples]), sample_rate_hz=16000)
    config = SeparateConfig(array=None)
    stems = separate(both, PERFORMERS, splitter, config, center_channel=1).stems
    alone = separate(loud, PERFORMERS, splitter).stems
    np.testing.assert_array_equal(stems[0].waveform.samples, alone[0].waveform.samples)


def test_stems_of_an_array_are_the_mixture(splitter):
    """Channels that differ: the sum still holds, at the centre channel."""
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.standard_normal((7, 40000)).astype(np.float32)
    mixture = Waveform(samples=samples, sample_rate_hz=48000)
    separation = separate(mixture, PERFORMERS, splitter, center_channel=3)
    sounds = [*(stem.waveform for stem in separation.stems), separation.residual]
    error = sum(sound.samples.astype(np.float64) for sound in sounds) - samples[3]
    assert np.sum(error**2) <= 1e-12 * np.sum(samples[3] ** 2.0)
    # The filter itself keeps the sum: softmax masks leave nothing but its floor to the residual.
    assert separation.manifest.residual_db < -40


def test_dead_channels_are_left_out(splitter):
    mixture = noise(1, 16000)
    dead = Waveform(
        samples=np.concatenate([0 * mixture.samples, mixture.samples]), sample_rate_hz=16000
    )
    stems = separate(dead, PERFORMERS, splitter, center_channel=1).stems
    alone = separate(mixture, PERFORMERS, splitter).stems
    np.testing.assert_array_equal(stems[0].waveform.samples, alone[0].waveform.samples)


def test_progress_rises_to_one(splitter):
    fractions = []
    separate(noise(20, 16000), PERFORMERS, splitter, progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 4


def test_a_take_is_looked_at_through_clouds_spread_over_it():
    model = build(SeparationModel, point_cloud=dataclasses.replace(POINT_CLOUD, pooling="mean"))
    with torch.no_grad():
        model.conditioner.network.fc.kernel.mul_(1e6)  # an untrained network sees little
    # One performer of three clouds is the mean of three performers with one of them each.
    bodies = [
        performer(number, height).clouds[0] for number, height in ((0, 1), (1, 1.3), (2, 0.7))
    ]
    poses = PERFORMERS[0].trajectory
    together = dataclasses.replace(PERFORMERS[0], clouds=tuple(bodies))
    alone = [
        dataclasses.replace(PERFORMERS[0], clouds=(body,), cloud_times_s=poses.times_s[:1])
        for body in bodies
    ]
    parts = encode_performers(alone, model, images=3)
    assert float((parts[0] - parts[1]).abs().max()) > 0.01
    seen = encode_performers([together, *alone], model, images=3)
    torch.testing.assert_close(seen[0], parts.mean(dim=0))
    torch.testing.assert_close(seen[1:], parts)
    # A single cloud is the one in the middle of the take.
    middle = encode_performers([together], model, images=1)
    torch.testing.assert_close(middle[0], parts[1])


def test_label_networks_ask_for_labels():
    model = build(SeparationModel, conditioner="label")
    labelled = [performer(0, instrument="violin"), performer(1, instrument="cello")]
    assert len(separate(noise(1, 16000), labelled, model).stems) == 2
    with pytest.raises(DataError, match="performer-1 has none"):
        separate(noise(1, 16000), PERFORMERS, model)


@pytest.mark.parametrize("conditioner", ["label", "point_cloud"])
def test_who_plays_what_the_network_never_saw_is_refused(conditioner):
    model = build(SeparationModel, conditioner=conditioner)
    for word in ("flute", "theremin"):
        people = [performer(0, instrument="violin"), performer(1, instrument=word)]
        with pytest.raises(DataError, match=f"performer-2 .* {word}.*violin, viola, cello"):
            separate(noise(1, 16000), people, model)
    known = [performer(0, instrument="Double Bass"), performer(1, instrument="sax")]
    assert len(separate(noise(1, 16000), known, model).stems) == 2


def test_bad_input_is_refused(splitter):
    mixture = noise(1, 16000)
    broken = mixture.samples.copy()
    broken[0, 8000] = np.nan
    with pytest.raises(DataError, match=r"at sample 8000 \(0.500 s\)"):
        separate(Waveform(samples=broken, sample_rate_hz=16000), PERFORMERS, splitter)
    with pytest.raises(DataError, match="silent"):
        separate(Waveform(samples=0 * mixture.samples, sample_rate_hz=16000), PERFORMERS, splitter)
    with pytest.raises(DataError, match="no sample"):
        separate(
            Waveform(samples=mixture.samples[:, :0], sample_rate_hz=16000), PERFORMERS, splitter
        )
    with pytest.raises(DataError, match="no performer"):
        separate(mixture, [], splitter)
    with pytest.raises(DataError, match="different names"):
        separate(mixture, [PERFORMERS[0], PERFORMERS[0]], splitter)
    with pytest.raises(DataError, match="performer-1 has no point cloud"):
        separate(mixture, [performer(0, clouds=0)], splitter)
    with pytest.raises(ValueError, match="center_channel must be 0…0, got 3"):
        separate(mixture, PERFORMERS, splitter, center_channel=3)
    with pytest.raises(DataError, match=r"4000 Hz.*8000 to 192000 Hz"):
        separate(Waveform(samples=mixture.samples, sample_rate_hz=4000), PERFORMERS, splitter)
    with pytest.raises(DataError, match=r"none: give each .*label: performer-1.*performers\.yaml"):
        separate(mixture, PERFORMERS, build(conditioner="label"))
    with pytest.raises(ValueError, match="multiple of"):
        separate(mixture, PERFORMERS, splitter, SeparateConfig(window_frames=100))


def test_resampling_keeps_tones():
    sound = tone(1000.0, 1.0, 48000).astype(np.float32)
    low = resampled(sound, 48000, 11025)
    assert len(low) == 11025
    np.testing.assert_allclose(low[500:-500], tone(1000.0, 1.0, 11025)[500:-500], atol=1e-3)


def test_manifest_survives_the_folder(splitter, tmp_path):
    separation = separate(noise(1, 44100), PERFORMERS, splitter)
    write_separation(tmp_path / "stems", separation)
    read = read_separation(tmp_path / "stems")
    assert read.manifest == separation.manifest
    for mine, theirs in zip(separation.stems, read.stems, strict=True):
        np.testing.assert_array_equal(mine.waveform.samples, theirs.waveform.samples)


def test_a_gpu_that_is_too_small_hands_over_to_the_cpu(splitter, monkeypatch, caplog):
    mixture = noise(1.0, 11025)
    expected = separate(mixture, PERFORMERS, splitter)
    asked = []

    def first_fails(*arguments, **options):
        asked.append(arguments)
        if len(asked) == 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return mask_logits(*arguments, **options)

    monkeypatch.setattr("separation.separator.mask_logits", first_fails)
    separation = separate(mixture, PERFORMERS, splitter)
    assert "memory is too small" in separation.manifest.device
    assert "memory is too small" in caplog.text
    for stem, other in zip(separation.stems, expected.stems, strict=True):
        assert np.array_equal(stem.waveform.samples, other.waveform.samples)
    assert expected.manifest.device == "cpu"


def test_stems_are_named_by_the_template_and_found_again(splitter, tmp_path):
    separation = separate(noise(1.0, 11025), PERFORMERS, splitter)
    write_separation(
        tmp_path / "stems", separation, template="{take} {number:02d} {performer}.wav", take="Trio"
    )
    names = {f"performer-{n}": f"Trio {n:02d} performer-{n}.wav" for n in (1, 2, 3)}
    assert stem_files(tmp_path / "stems") == names
    again = read_separation(tmp_path / "stems")
    for stem, other in zip(again.stems, separation.stems, strict=True):
        assert np.array_equal(stem.waveform.samples, other.waveform.samples)


def test_24_bits_are_never_rescaled(splitter, tmp_path):
    separation = separate(noise(1.0, 11025), PERFORMERS, splitter)
    quiet = dataclasses.replace(
        separation,
        stems=tuple(
            dataclasses.replace(
                stem,
                sound=dataclasses.replace(stem.waveform, samples=0.1 * stem.waveform.samples),
            )
            for stem in separation.stems
        ),
        residual_sound=dataclasses.replace(
            separation.residual, samples=0.1 * separation.residual.samples
        ),
    )
    template = "{performer}.flac"
    write_separation(tmp_path / "stems", quiet, template=template, sample_format="pcm24")
    again = read_separation(tmp_path / "stems")
    for stem, other in zip(again.stems, quiet.stems, strict=True):
        assert np.abs(stem.waveform.samples - other.waveform.samples).max() <= 2.0**-23
    loud = dataclasses.replace(quiet.residual, samples=np.full_like(quiet.residual.samples, 1.25))
    with pytest.raises(DataError, match=r"residual\.wav reaches 1\.250"):
        write_separation(
            tmp_path / "loud",
            dataclasses.replace(quiet, residual_sound=loud),
            sample_format="pcm24",
        )
    assert not (tmp_path / "loud").exists()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{player}.wav", "use {performer}, {number}"),
        ("../{performer}.wav", "without folders"),
        ("{performer}.mp3", "ends in .wav or .flac"),
        ("stem.wav", "two files one name"),
        ("residual.wav", "two files one name"),
        ("{performer.x}.wav", "use {performer}, {number}"),
        ("{performer.__class__}.wav", "use {performer}, {number}"),
        ("{performer}{.wav", "use {performer}, {number}"),
        ("{performer}.flac", "FLAC holds integers"),
    ],
)
def test_templates_that_cannot_serve_are_refused(splitter, tmp_path, template, message):
    separation = separate(noise(0.5, 11025), PERFORMERS, splitter)
    with pytest.raises(ValueError, match=message):
        write_separation(tmp_path / "stems", separation, template=template)
    assert not (tmp_path / "stems").exists()


def test_clouds_that_show_too_little_are_left_out(caplog):
    model = build(SeparationModel)
    whole = PERFORMERS[0]
    point = whole.clouds[0].positions_m[:1]
    speck = PointCloud(positions_m=point)
    mixed = dataclasses.replace(whole, clouds=(speck, whole.clouds[0], speck))
    seen = encode_performers([mixed], model)
    expected = encode_performers([performer(0, clouds=1)], model)
    torch.testing.assert_close(seen, expected)
    assert "performer-1: 2 of 3 clouds are not looked at" in caplog.text
    nothing = dataclasses.replace(whole, clouds=(speck,) * 3)
    with pytest.raises(DataError, match=r"performer-1 has no point cloud of at least.*segment"):
        separate(noise(0.5, 11025), [nothing, PERFORMERS[1]], model)


def test_a_point_that_is_not_finite_is_placed():
    broken = performer(1, clouds=1)
    broken.clouds[0].positions_m[7, 2] = np.nan
    with pytest.raises(
        DataError, match=r"performer-2: the cloud at 0\.00 s .*leave such points out"
    ):
        encode_performers([PERFORMERS[0], broken], build(SeparationModel))


def test_sound_that_lies_the_wrong_way_round_is_refused(splitter):
    samples = noise(0.02, 11025).samples.repeat(2, axis=0)
    turned = Waveform(samples=samples.T, sample_rate_hz=11025)
    with pytest.raises(ValueError, match=r"220 channels of 2 samples.*transpose"):
        separate(turned, PERFORMERS, splitter)


def test_what_few_microphones_cannot_do_is_said(splitter):
    channels = np.random.default_rng(0).uniform(-0.1, 0.1, (3, 8000))
    cases = {1: "no more than one microphone", 2: "two microphones", 3: "where the microphones are"}
    for count, words in cases.items():
        mixture = Waveform(samples=channels[:count], sample_rate_hz=16000)
        (note,) = separate(mixture, PERFORMERS, splitter).notes
        assert note.startswith("Players' places could not help")
        assert words in note
