"""Sub-bands: what goes into which rows, and back to which bins."""

import pytest
import torch

from separation.backbones import UNetConfig, build_backbone
from separation.model import ModelConfig, SeparationModel
from separation.spectrogram import SpectrogramConfig

BANDS = ((8, 2), (4, 4), (4, 8))  # 64 bins in 16 bands
SMALL = UNetConfig(levels=3, width=6, initialization="kaiming")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_backbone(SMALL, 3, bands=BANDS).eval()


def test_a_band_is_a_row_and_goes_back_to_its_own_bins(network, monkeypatch):
    monkeypatch.setattr(
        network.inside, "decode", lambda encoded, _: torch.zeros(len(encoded[0]), 6, 16, 8)
    )
    picture = torch.randn(2, 1, 64, 8)
    before = network(picture)
    assert before.shape == (2, 3, 64, 8)
    starts = [sum(n * width for n, width in BANDS[:k]) for k in range(3)]
    for start, (count, width) in zip(starts, BANDS, strict=True):
        own = slice(start + (count - 1) * width, start + count * width)
        changed = picture.clone()
        changed[:, :, own] += torch.randn(2, 1, width, 8)
        differs = (network(changed) != before).any(dim=(0, 1, 3))
        assert differs[own].all()
        assert differs.sum() == width


def test_every_band_is_normalized_on_its_own(network):
    picture = torch.randn(1, 1, 64, 8)
    louder = picture.clone()
    louder[:, :, 4:6] = 3 * louder[:, :, 4:6] - 5  # the third band
    torch.testing.assert_close(network(louder), network(picture), rtol=0.01, atol=0.01)


def test_every_parameter_learns():
    network = build_backbone(SMALL, 3, bands=BANDS)
    network(torch.randn(2, 1, 64, 8)).square().sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("fusion", ["film-bottleneck", "film-encoder", "film-final", "attention"])
def test_performers_with_passes_of_their_own(fusion):
    torch.manual_seed(1)
    spectrogram = SpectrogramConfig(frequency="bands", fft_size=126, rows=64, bands=BANDS)
    config = ModelConfig(
        spectrogram=spectrogram, backbone=SMALL, conditioner="label", fusion=fusion
    )
    model = SeparationModel(config).eval()
    pictures = torch.randn(2, 1, 64, 8)
    conditions = torch.randn(2, 3, config.channels)
    with torch.inference_mode():
        logits = model.mask_logits(pictures, conditions)
        alone = model.mask_logits(pictures[1:], conditions[1:, 2:])
    assert logits.shape == (2, 3, 64, 8)
    torch.testing.assert_close(logits[1:, 2:], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wrong", [{"rows": 256}, {"bands": ((32, 4),)}, {"bands": ((512, 0),)}])
def test_bands_hold_all_bins(wrong):
    with pytest.raises(ValueError, match="all 512 bins"):
        SpectrogramConfig(**{"frequency": "bands", "rows": 512} | wrong)
    with pytest.raises(ValueError, match="64 rows do not fit 7 U-Net levels"):
        ModelConfig(spectrogram=SpectrogramConfig(frequency="bands", rows=512))
