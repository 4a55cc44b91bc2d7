"""Fusions: what conditions do to masks, and how often the audio network runs."""

import pytest
import torch

from separation.backbones import MultiHeadUNet, UNet, UNetConfig
from separation.fusions import FilmFusion, LinearFusion, MultiplyFusion
from separation.model import ModelConfig, SeparationModel

SMALL = UNetConfig(levels=3, width=4, initialization="kaiming")
PLACES = ("bottleneck", "encoder", "final")


def film(place, backbone):
    torch.manual_seed(1)
    return FilmFusion(place, 5, backbone.encoder_widths, backbone.final_width).eval()


def parts(place):
    torch.manual_seed(0)
    backbone = UNet(SMALL, 1).eval()
    return backbone, film(place, backbone), torch.randn(2, 1, 16, 24), torch.randn(2, 3, 5)


@pytest.mark.parametrize("place", PLACES)
@torch.inference_mode()
def test_film_without_effect_gives_everybody_the_plain_network(place):
    backbone, fusion, picture, conditions = parts(place)
    for layer in fusion.modulations:
        layer.weight.zero_()
        layer.bias.zero_()
    logits = fusion.logits(backbone, picture, conditions)
    assert logits.shape == (2, 3, 16, 24)
    torch.testing.assert_close(logits, backbone(picture).expand(-1, 3, -1, -1))


@pytest.mark.parametrize("place", PLACES)
@torch.inference_mode()
def test_film_gives_each_performer_its_own_pass(place):
    backbone, fusion, picture, conditions = parts(place)
    logits = fusion.logits(backbone, picture, conditions)
    for batch in range(2):
        for performer in range(3):
            alone = fusion.logits(
                backbone, picture[batch : batch + 1], conditions[batch : batch + 1, [performer]]
            )
            torch.testing.assert_close(alone[0, 0], logits[batch, performer])
    assert not torch.allclose(logits[:, 0], logits[:, 1])


@torch.inference_mode()
def test_final_film_is_the_published_formula():
    """(1 + γ) · feature + β of what the last convolution reads, written out."""
    backbone, fusion, picture, conditions = parts("final")
    read = []
    backbone.decode(
        backbone.encode(picture), lambda level, x: read.append(x) or x if level == 0 else x
    )
    scale, shift = fusion.modulations[0](conditions[1, 2]).chunk(2)
    changed = (1 + scale)[:, None, None] * read[0][1] + shift[:, None, None]
    expected = backbone.outermost.ascend(changed[None])[0, 0]
    torch.testing.assert_close(fusion.logits(backbone, picture, conditions)[1, 2], expected)


@pytest.mark.parametrize(
    ("place", "encoded", "decoded"),
    [("bottleneck", 2, 6), ("encoder", 6, 6), ("final", 2, 6)],
)
def test_film_repeats_only_what_comes_after_the_condition(place, encoded, decoded):
    """Two mixtures, three performers: items that pass the outermost convolutions."""
    backbone, fusion, picture, conditions = parts(place)
    seen = {}
    backbone.outermost.down.register_forward_hook(lambda m, x, y: seen.update(down=len(x[0])))
    backbone.outermost.up.register_forward_hook(lambda m, x, y: seen.update(up=len(x[0])))
    innermost = backbone.outermost.inside.inside
    innermost.up.register_forward_hook(lambda m, x, y: seen.update(inner_up=len(x[0])))
    fusion.logits(backbone, picture, conditions)
    assert seen["down"] == encoded
    assert seen["up"] == decoded
    assert seen["inner_up"] == (2 if place == "final" else 6)


@torch.inference_mode()
def test_multiply_gives_each_performer_its_instruments_map():
    features = torch.randn(2, 4, 8, 8)
    conditions = torch.eye(4)[[2, 0]][None]
    torch.testing.assert_close(MultiplyFusion()(features, conditions), features[:, [2, 0]])


@torch.inference_mode()
def test_late_fusions_sum_in_full_precision_where_the_network_runs_in_half():
    torch.manual_seed(0)
    backbone, fusion = UNet(SMALL, 6).eval(), LinearFusion(6)
    with torch.autocast("cpu", torch.bfloat16):
        logits = fusion.logits(backbone, torch.randn(1, 1, 16, 16), torch.rand(1, 2, 6))
    assert logits.dtype == torch.float32


@torch.inference_mode()
def test_multi_head_maps_come_from_one_encoder_and_decoders_of_their_own():
    torch.manual_seed(0)
    network = MultiHeadUNet(SMALL, 3).eval()
    picture = torch.randn(1, 1, 16, 16)
    before = network(picture)
    assert before.shape == (1, 3, 16, 16)
    torch.nn.init.zeros_(network.others[0].levels[0].up.weight)
    torch.nn.init.zeros_(network.others[0].levels[0].up.bias)
    after = network(picture)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert not after[:, 1].any()
    # One of the encoder's weights reaches all of them.
    network.first.outermost.down.weight[0] += 1.0
    changed = network(picture)
    assert not torch.equal(changed[:, 0], after[:, 0])
    assert not torch.equal(changed[:, 2], after[:, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conditioner": "one_hot", "channels": 5}, "for each of 6"),
        ({"conditioner": "label", "fusion": "multiply"}, "one_hot"),
        ({"conditioner": "label", "backbone": UNetConfig(separate_decoders=True)}, "multiply"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**changes)


@torch.inference_mode()
def test_one_hot_conditions_are_rows_of_the_identity():
    model = SeparationModel(
        ModelConfig(conditioner="one_hot", channels=6, fusion="multiply", backbone=SMALL)
    )
    assert torch.equal(model.encode_labels(["cello", "violin"]), torch.eye(6)[[2, 0]])
    with pytest.raises(ValueError, match="tuba"):
        model.encode_labels(["tuba"])
