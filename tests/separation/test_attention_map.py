"""Where networks with attention look: the map of a window, and its picture."""

import numpy as np
import pytest
import torch

from capture.body_pose import JOINTS, BodyPoses
from capture.errors import DataError
from separation.attention_map import attention_map, joint_speeds_m_s, write_attention_picture
from separation.backbones import UNetConfig
from separation.conditioners import PoseConfig
from separation.model import ModelConfig, SeparationModel
from separation.windows import warped_magnitudes

RATE, HOP = 11025, 256
NAMES = ("left", "right")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = ModelConfig(
        conditioner="pose",
        fusion="attention",
        channels=5,
        pose=PoseConfig(widths=(4,), kernel=3),
        backbone=UNetConfig(levels=3, width=4, initialization="kaiming"),
    )
    return SeparationModel(config).eval()


def noise(frames):
    return np.random.default_rng(0).normal(size=frames * HOP).astype(np.float32)


def test_a_map_is_that_of_the_window_about_its_time(model):
    samples = noise(200)
    seen = torch.randn(2, 5, 67, generator=torch.Generator().manual_seed(1))
    shown = attention_map(samples, seen, model, at_s=100 * HOP / RATE, window_frames=64)
    # The window is frames 68 to 131 of 201, which movement of 67 moments accompanies.
    magnitudes = torch.cat(list(warped_magnitudes(samples, model.front_end)), dim=-1)
    heard = model.front_end.log_of_warped(magnitudes[None, :, 68:132])
    moments = ((68 + (np.arange(21) + 0.5) * 64 / 21) * 67 / 201).astype(int)
    with torch.inference_mode():
        expected = model.fusion.attention(model.backbone, heard, seen[None][..., moments])
    np.testing.assert_allclose(shown.weights, expected.mean(dim=2), atol=1e-5)
    np.testing.assert_allclose(shown.weights.sum(axis=2), 1.0, atol=1e-5)
    first, last = 68 * HOP / RATE, 132 * HOP / RATE
    for times_s, count in ((shown.sound_times_s, 8), (shown.movement_times_s, 21)):
        assert len(times_s) == count
        np.testing.assert_allclose(times_s[[0, -1]].mean(), (first + last) / 2)
        assert first < times_s[0] < times_s[-1] < last


def test_windows_stay_in_the_recording(model):
    seen = torch.zeros(1, 5, 40)
    late = attention_map(noise(120), seen, model, at_s=99.0, window_frames=64)
    assert late.sound_times_s[-1] < 121 * HOP / RATE
    short = attention_map(noise(30), seen, model, window_frames=64)
    assert len(short.sound_times_s) == 3  # 24 of 31 frames, in eights
    with pytest.raises(DataError, match=r"needs 0\.19 s"):
        attention_map(noise(5), seen, model)
    blind = SeparationModel(ModelConfig(channels=16, backbone=UNetConfig(levels=3, width=4)))
    with pytest.raises(DataError, match="no attention to movement"):
        attention_map(noise(120), seen, blind.eval())


def test_the_picture_shows_speeds_and_weights(model, tmp_path):
    times_s = np.arange(100) * 0.08
    places = np.zeros((100, len(JOINTS), 3), np.float32)
    places[:, 4, 0] = 0.5 * times_s
    poses = BodyPoses(
        times_s=times_s, positions_m=places, confidences=np.ones(places.shape[:2], np.float32)
    )
    speeds = joint_speeds_m_s(poses, np.arange(10, 20) * 0.1)
    np.testing.assert_allclose(speeds[:, 4], 0.5, rtol=1e-3)
    assert not speeds[:, 5].any()
    seen = torch.randn(2, 5, 67, generator=torch.Generator().manual_seed(1))
    shown = attention_map(noise(200), seen, model, window_frames=64)
    picture = tmp_path / "attention.png"
    write_attention_picture(picture, shown, NAMES, dict.fromkeys(NAMES, poses))
    assert picture.read_bytes().startswith(b"\x89PNG")
