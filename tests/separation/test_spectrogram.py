"""The front end against its formulas, PyTorch's grid sampling, and itself (round trips)."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from separation.spectrogram import (
    LogSpectrogram,
    SpectrogramConfig,
    linear_rows_to_log,
    log_rows_to_linear,
)


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@given(samples=st.integers(1024, 6000), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_inverse_transform_gives_the_waveform_back(samples, seed):
    front_end = LogSpectrogram(SpectrogramConfig())
    waveform = noise(2, samples, seed=seed)
    spectrum = front_end.stft(waveform)
    assert spectrum.shape == (2, 512, 1 + samples // 256)
    torch.testing.assert_close(front_end.istft(spectrum, samples), waveform, rtol=0, atol=2e-5)


def test_papers_window_of_65535_samples_gives_256_frames():
    assert LogSpectrogram(SpectrogramConfig()).stft(noise(1, 65535)).shape == (1, 512, 256)


def test_sine_lies_in_its_bin():
    config = SpectrogramConfig()
    bin_hz = config.sample_rate_hz / config.fft_size
    time = torch.arange(8192) / config.sample_rate_hz
    spectrum = LogSpectrogram(config).stft(torch.sin(2 * torch.pi * 40 * bin_hz * time)[None])
    assert int(spectrum.abs()[0, :, 10].argmax()) == 40


def test_warp_follows_its_formula_and_its_inverse():
    rows = torch.linspace(-1, 1, 101, dtype=torch.float64)
    ends = log_rows_to_linear(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    # (21^0 − 11)/10, (√21 − 11)/10, (21 − 11)/10
    torch.testing.assert_close(
        ends, torch.tensor([-1.0, (21**0.5 - 11) / 10, 1.0], dtype=torch.float64)
    )
    torch.testing.assert_close(linear_rows_to_log(log_rows_to_linear(rows)), rows)


@pytest.mark.parametrize("align_corners", [True, False])
def test_warp_is_grid_sampling(align_corners):
    front_end = LogSpectrogram(SpectrogramConfig(align_corners=align_corners))
    values = noise(3, 512, 20).abs()
    source = (21.0 ** ((torch.linspace(-1, 1, 256, dtype=torch.float64) + 1) / 2) - 11) / 10
    columns = torch.linspace(-1, 1, 20, dtype=torch.float64)
    grid = torch.stack(torch.broadcast_tensors(columns[None, :], source[:, None]), dim=-1)
    expected = F.grid_sample(
        values[:, None].double(), grid.expand(3, -1, -1, -1), align_corners=align_corners
    )[:, 0]
    torch.testing.assert_close(front_end.warp(values).double(), expected, rtol=1e-4, atol=2e-4)


def test_smooth_masks_survive_warp_and_unwarp():
    front_end = LogSpectrogram(SpectrogramConfig())
    rows = torch.linspace(0, 3.0, 512)
    mask = (0.5 + 0.5 * torch.cos(rows))[None, :, None].expand(1, 512, 8)
    torch.testing.assert_close(front_end.unwarp(front_end.warp(mask)), mask, rtol=0, atol=2e-4)


def test_constant_masks_stay_constant_so_masks_that_sum_to_one_still_do():
    front_end = LogSpectrogram(SpectrogramConfig())
    ones = torch.ones(2, 256, 5)
    torch.testing.assert_close(front_end.unwarp(ones), torch.ones(2, 512, 5))


def test_corners_taken_as_published_cost_an_ideal_mask_half_a_decibel():
    # 1.4–1.8 dB on ensembles; two chirps, which overlap less, lose less.
    time = torch.arange(32512) / 11025
    voices = [
        sum(torch.sin(2 * torch.pi * f * h * time * (1 + 0.05 * time)) / h for h in range(1, 9))
        for f in (196.0, 311.0)
    ]
    sources = torch.stack(voices)
    mixture = sources.sum(dim=0)
    scores = []
    for align_corners in (True, False):
        front_end = LogSpectrogram(SpectrogramConfig(align_corners=align_corners))
        magnitudes = front_end.warp(front_end.stft(sources).abs())
        masks = (magnitudes == magnitudes.amax(dim=0)).float()
        estimate = front_end.istft(
            front_end.unwarp(masks) * front_end.stft(mixture[None]), mixture.shape[-1]
        )
        error = (estimate - sources).square().sum(-1)
        scores.append((10 * torch.log10(sources.square().sum(-1) / error)).mean())
    assert scores[0] - scores[1] > 0.5


def test_relative_level_makes_the_picture_independent_of_gain():
    magnitude = noise(2, 512, 16).abs()
    relative = LogSpectrogram(SpectrogramConfig(relative_level=True, floor=1e-3))
    absolute = LogSpectrogram(SpectrogramConfig())
    torch.testing.assert_close(
        relative.network_input(magnitude), relative.network_input(1000 * magnitude)
    )
    shift = absolute.network_input(1000 * magnitude) - absolute.network_input(magnitude)
    torch.testing.assert_close(shift, torch.full_like(shift, np.log(1000.0)), rtol=1e-3, atol=1e-3)


def test_silence_is_finite():
    for config in (SpectrogramConfig(), SpectrogramConfig(relative_level=True, floor=1e-3)):
        picture = LogSpectrogram(config).network_input(torch.zeros(1, 512, 4))
        assert torch.isfinite(picture).all()


@pytest.mark.parametrize("wrong", [{"fft_size": 1023}, {"hop": 0}, {"floor": 0.0}])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"fft_size|positive"):
        SpectrogramConfig(**wrong)


@pytest.mark.parametrize("rows", [512, 256])
def test_linear_rows_are_the_bins_or_lie_between_them(rows):
    front_end = LogSpectrogram(SpectrogramConfig(frequency="linear", rows=rows))
    ramp = torch.arange(512.0)[:, None].expand(-1, 5)
    warped = front_end.warp(ramp)
    expected = torch.linspace(0, 511, rows)[:, None].expand(-1, 5)
    torch.testing.assert_close(warped, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(front_end.unwarp(warped), ramp, atol=1e-3, rtol=0)


def test_decibels_run_from_the_loudest_cell_down_and_do_not_know_the_gain():
    front_end = LogSpectrogram(SpectrogramConfig(magnitude="decibel", range_db=60.0))
    magnitudes = torch.full((1, 256, 4), 1e-6)
    magnitudes[0, 10, 1], magnitudes[0, 20, 2] = 5.0, 0.5
    seen = front_end.log_of_warped(magnitudes)
    assert seen[0, 0, 10, 1] == 1.0
    assert float(seen[0, 0, 20, 2]) == pytest.approx(1 - 20 / 60, abs=1e-6)
    assert seen[0, 0, 0, 0] == 0.0  # 134 dB down
    torch.testing.assert_close(front_end.log_of_warped(100 * magnitudes), seen)


@pytest.mark.parametrize("magnitude", ["log", "decibel"])
@pytest.mark.parametrize("frequency", ["log", "linear"])
def test_harmonics_lie_beside_their_fundamental(frequency, magnitude):
    """Partials at 400 and 1200 Hz: at 400 Hz the map of threes sees the second of them."""
    rows = 512 if frequency == "linear" else 256
    config = SpectrogramConfig(
        frequency=frequency, magnitude=magnitude, rows=rows, floor=1e-3, harmonics=(3.0, 0.5)
    )
    front_end = LogSpectrogram(config)
    time = torch.arange(8192) / config.sample_rate_hz
    sound = torch.sin(2 * torch.pi * 400 * time) + torch.sin(2 * torch.pi * 1200 * time)
    picture = front_end.network_input(front_end.stft(sound[None]).abs())[0, :, :, 10]
    plain, threes, halves = picture
    nyquist_hz = config.sample_rate_hz / 2

    def row_of(hz):
        place = torch.tensor([2 * hz / nyquist_hz - 1], dtype=torch.float64)
        place = linear_rows_to_log(place) if frequency == "log" else place
        return round(float(place[0] + 1) / 2 * (rows - 1))

    assert abs(int(plain[: row_of(600)].argmax()) - row_of(400)) <= 1
    assert abs(int(threes[row_of(250) :].argmax()) + row_of(250) - row_of(400)) <= 1
    assert float(threes[row_of(400)]) == pytest.approx(float(plain[row_of(1200)]), abs=0.5)
    assert abs(int(halves[row_of(600) : row_of(1000)].argmax()) + row_of(600) - row_of(800)) <= 1
    silence = 0.0 if magnitude == "decibel" else float(np.log(1e-3))
    beyond = threes[row_of(nyquist_hz / 3) + 1 :]
    torch.testing.assert_close(beyond, torch.full_like(beyond, silence))


def test_without_harmonics_there_is_one_picture():
    plain = LogSpectrogram(SpectrogramConfig())
    more = LogSpectrogram(SpectrogramConfig(harmonics=(1.0, 2.0)))
    magnitude = noise(2, 512, 6).abs()
    one = plain.network_input(magnitude)
    three = more.network_input(magnitude)
    assert (one.shape, three.shape) == ((2, 1, 256, 6), (2, 3, 256, 6))
    torch.testing.assert_close(three[:, 0], one[:, 0])
    torch.testing.assert_close(three[:, 1], one[:, 0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"harmonics": (2.0, 0.0)}, "harmonics must be positive"),
        ({"harmonics": (2.0,), "frequency": "bands", "rows": 512}, "sees no harmonics"),
    ],
)
def test_harmonics_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SpectrogramConfig(**wrong)
