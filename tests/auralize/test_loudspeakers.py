"""Loudspeaker decoding: closed forms, energy and energy vectors, and layouts from files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.special

from auralize.ambisonics import loudspeaker_layout
from auralize.ambisonics.loudspeaker_decoding import loudspeaker_decoder, max_re_weights, reproduce
from auralize.ambisonics.loudspeaker_layout import LoudspeakerLayout, find_layout, named_layouts
from auralize.ambisonics.loudspeaker_panning import Panner
from auralize.dsp.sphere_grids import golden_spiral
from auralize.dsp.spherical_harmonics import spherical_harmonics
from capture.errors import DataError, FileFormatError

LAYOUTS = named_layouts()
ALL_ROUND = golden_spiral(1000)
AZIMUTHS = np.linspace(0, 2 * np.pi, 120, endpoint=False)
HORIZON = np.stack([np.cos(AZIMUTHS), np.sin(AZIMUTHS), 0 * AZIMUTHS], axis=1)


def angles_deg(vectors, directions):
    cosines = np.sum(vectors * directions, axis=1) / np.linalg.norm(vectors, axis=1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_symmetric_and_have_no_two_loudspeakers_in_one_place(name):
    directions = LAYOUTS[name].directions
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    assert len(LAYOUTS[name].loudspeakers) == len(directions)
    closeness = directions @ directions.T - 2 * np.eye(len(directions))
    assert closeness.max() < np.cos(np.radians(25))
    if name != "t-design-24":  # which is chiral
        mirrored = directions * [1, -1, 1]
        np.testing.assert_allclose(np.max(mirrored @ directions.T, axis=1), 1.0)


def test_bs2051_orders_and_labels():
    layout = LAYOUTS["7.0.4"]
    assert layout.loudspeakers[:5] == ("M+030", "M-030", "M+000", "M+090", "M-090")
    assert layout.loudspeakers[-2:] == ("U+135", "U-135")
    np.testing.assert_allclose(layout.directions[0], [np.sqrt(0.75), 0.5, 0], atol=1e-12)
    up_left = [np.sqrt(0.375), np.sqrt(0.375), 0.5]
    np.testing.assert_allclose(layout.directions[7], up_left, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "degree"),
    [("cube", 3), ("icosahedron", 5), ("dodecahedron", 5), ("t-design-24", 7)],
)
def test_solids_are_spherical_designs(name, degree):
    """Means of harmonics over their corners are those over the sphere, up to that degree."""
    means = spherical_harmonics(LAYOUTS[name].directions, degree).mean(axis=0)
    np.testing.assert_allclose(means, np.eye(len(means))[0], atol=1e-12)


@pytest.mark.parametrize("name", LAYOUTS)
def test_panning_has_equal_power_and_meets_the_loudspeakers(name):
    panner = Panner(LAYOUTS[name].directions)
    gains = panner.gains(ALL_ROUND)
    np.testing.assert_allclose(np.sum(gains**2, axis=1), 1.0)
    assert gains.min() >= 0
    np.testing.assert_allclose(
        panner.gains(LAYOUTS[name].directions), np.eye(gains.shape[1]), atol=1e-9
    )


def test_panning_between_two_of_a_ring_follows_the_tangent_law():
    gains = Panner(LAYOUTS["quad"].directions).gains(HORIZON)
    ahead = np.abs(np.angle(np.exp(1j * AZIMUTHS))) < np.radians(44)
    left, right = gains[ahead, 0], gains[ahead, 1]
    tangents = np.tan(np.angle(np.exp(1j * AZIMUTHS[ahead])))
    np.testing.assert_allclose((left - right) / (left + right), tangents, atol=1e-9)


@pytest.mark.parametrize("name", ["5.0", "5.0.4", "7.0.4", "22.0", "cube"])
def test_what_is_mirrored_is_decoded_mirrored(name):
    directions = LAYOUTS[name].directions
    partner = np.argmax((directions * [1, -1, 1]) @ directions.T, axis=1)
    decoder = loudspeaker_decoder(LAYOUTS[name], 3)
    gains = spherical_harmonics(ALL_ROUND, 3) @ decoder.T
    mirrored = spherical_harmonics(ALL_ROUND * [1, -1, 1], 3) @ decoder.T
    np.testing.assert_allclose(mirrored[:, partner], gains, atol=1e-9)


@pytest.mark.parametrize("order", range(8))
def test_max_re_weights_are_legendre_polynomials_at_the_largest_root(order):
    weights = max_re_weights(order)
    root = scipy.special.roots_legendre(order + 1)[0].max()
    expected = [scipy.special.eval_legendre(n, root) for n in range(order + 1)]
    np.testing.assert_allclose(weights, expected, atol=1e-12)


def test_max_re_makes_the_energy_vector_longest():
    layout = LAYOUTS["t-design-24"]
    directions = golden_spiral(50)
    with_it, without = (
        np.linalg.norm(
            reproduce(
                layout,
                loudspeaker_decoder(layout, 2, method="mode_matching", max_re=max_re),
                directions,
            ).energy_vectors,
            axis=1,
        )
        for max_re in (True, False)
    )
    # The 24 corners integrate the products of the energy vector of order 2 exactly.
    np.testing.assert_allclose(with_it, np.sqrt(0.6), atol=1e-9)
    np.testing.assert_allclose(without, 2 / 3, atol=1e-9)


@pytest.mark.parametrize(("name", "order"), [("cube", 1), ("icosahedron", 2), ("t-design-24", 3)])
@pytest.mark.parametrize("max_re", [True, False])
def test_regular_layouts_have_exactly_constant_energy(name, order, max_re):
    for method in ("epad", "mode_matching"):
        decoder = loudspeaker_decoder(LAYOUTS[name], order, method=method, max_re=max_re)
        got = reproduce(LAYOUTS[name], decoder, ALL_ROUND)
        np.testing.assert_allclose(got.energies, 1.0, atol=1e-9)
        assert angles_deg(got.energy_vectors, ALL_ROUND).max() < 1e-5
        assert angles_deg(got.velocity_vectors, ALL_ROUND).max() < 1e-5


def test_epad_keeps_the_energy_on_irregular_layouts_too(tmp_path):
    rng = np.random.default_rng(4)
    points = golden_spiral(20) + 0.15 * rng.normal(size=(20, 3))
    places = [
        {
            "azimuth_deg": float(np.degrees(np.arctan2(y, x))),
            "elevation_deg": float(np.degrees(np.arctan2(z, np.hypot(x, y)))),
        }
        for x, y, z in points
    ]
    (tmp_path / "dome.json").write_text(json.dumps({"loudspeakers": places}))
    layout = find_layout(tmp_path / "dome.json")
    assert (layout.name, layout.loudspeakers[:2]) == ("dome", ("1", "2"))
    got = reproduce(layout, loudspeaker_decoder(layout, 2, method="epad"), ALL_ROUND)
    np.testing.assert_allclose(got.energies, 1.0, atol=1e-9)


# Largest angle of the energy vector to the source in degrees, of AllRAD with max-rE at order 3:
# all round, where the layout has loudspeakers, or 40° to either side of the front.
WITHIN_DEG = {
    "quad": 7,
    "hexagon": 2,
    "octagon": 0.1,
    "7.0": 11,
    "icosahedron": 4,
    "dodecahedron": 2,
    "t-design-24": 1,
    "5.0": 8,
    "5.0.4": 14,
    "7.0.4": 9,
    "22.0": 2,
}
FRONT = HORIZON[np.abs(np.angle(np.exp(1j * AZIMUTHS))) < np.radians(40)]


@pytest.mark.parametrize("name", WITHIN_DEG)
def test_allrad_keeps_directions(name):
    layout = LAYOUTS[name]
    flat = np.ptp(layout.directions[:, 2]) < 1e-9
    front_only = name in ("5.0", "5.0.4", "7.0.4", "22.0")
    directions = FRONT if front_only else HORIZON if flat else ALL_ROUND
    got = reproduce(layout, loudspeaker_decoder(layout, 3), directions)
    assert angles_deg(got.energy_vectors, directions).max() < WITHIN_DEG[name]
    assert np.all(np.linalg.norm(got.energy_vectors, axis=1) < 1)


@pytest.mark.parametrize("name", LAYOUTS)
def test_allrad_has_the_same_energy_all_round(name):
    for order in (1, 3, 7):
        decoder = loudspeaker_decoder(LAYOUTS[name], order)
        energies = reproduce(LAYOUTS[name], decoder, ALL_ROUND).energies
        assert np.ptp(10 * np.log10(energies)) < 0.8
        assert energies.mean() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("shape", ["all round", "dome", "tilted ring", "frontal cluster"])
def test_any_layout_gets_even_energy(shape):
    rng = np.random.default_rng(8)
    for count in (2, 3, 7, 20):
        points = rng.normal(size=(count, 3))
        if shape == "dome":
            points[:, 2] = np.abs(points[:, 2])
        if shape == "tilted ring":
            points -= np.outer(points.sum(axis=1), np.ones(3) / 3)
        if shape == "frontal cluster":
            points = np.array([1.0, 0, 0]) + 0.3 * points
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        labels = tuple(map(str, range(count)))
        layout = LoudspeakerLayout(name=shape, loudspeakers=labels, directions=points)
        gains = Panner(points).gains(np.concatenate([ALL_ROUND, points]))
        np.testing.assert_allclose(np.sum(gains**2, axis=1), 1.0)
        np.testing.assert_allclose(gains[len(ALL_ROUND) :], np.eye(count), atol=1e-9)
        energies = reproduce(layout, loudspeaker_decoder(layout, 3), ALL_ROUND).energies
        assert np.ptp(10 * np.log10(energies)) < 0.8


def test_refusals():
    with pytest.raises(DataError, match=r"mode_matching needs 16 .* order 3, and 7.0.4 has 11"):
        loudspeaker_decoder(LAYOUTS["7.0.4"], 3, method="mode_matching")
    with pytest.raises(DataError, match="leave gaps at order 1"):
        loudspeaker_decoder(LAYOUTS["octagon"], 1, method="epad")
    with pytest.raises(ValueError, match="allrad, epad, mode_matching, got 'vbap'"):
        loudspeaker_decoder(LAYOUTS["cube"], 1, method="vbap")
    with pytest.raises(DataError, match=r"neither a file .* stereo, quad, 5\.0"):
        find_layout("5.1")


def test_a_yaml_list_of_loudspeakers(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("- {azimuth_deg: 45, name: left}\n- {azimuth_deg: -45}\n- {azimuth_deg: 180}\n")
    layout = find_layout(path)
    assert layout.loudspeakers == ("left", "2", "3")
    np.testing.assert_allclose(layout.directions[2], [-1, 0, 0], atol=1e-12)


def test_layouts_of_the_iem_plug_in_suite(tmp_path):
    places = [(30.0, 0.0, 2, False), (-30.0, 0.0, 1, False), (0.0, -90.0, -1, True)]
    loudspeakers = [
        {"Azimuth": a, "Elevation": e, "Radius": 1.0, "IsImaginary": i, "Channel": c, "Gain": 1.0}
        for a, e, c, i in places
    ]
    exported = {"Name": "x", "LoudspeakerLayout": {"Name": "y", "Loudspeakers": loudspeakers}}
    (tmp_path / "iem.json").write_text(json.dumps(exported, indent=2))
    layout = find_layout(tmp_path / "iem.json")
    assert layout.loudspeakers == ("channel 1", "channel 2")
    assert layout.directions[0] == pytest.approx([np.sqrt(0.75), -0.5, 0])
    del loudspeakers[1]["Azimuth"]
    (tmp_path / "iem.json").write_text(json.dumps(exported, indent=2))
    with pytest.raises(FileFormatError, match=r"iem\.json:14:.*Loudspeakers\.1\.Azimuth"):
        find_layout(tmp_path / "iem.json")


def test_the_published_schema_is_that_of_the_model():
    published = Path(loudspeaker_layout.__file__).parents[1] / "data" / "loudspeakers.schema.json"
    assert published.read_text(encoding="utf-8") == loudspeaker_layout.layout_schema()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "- {azimuth_deg: 45}\n- {azimuth: -45}\n",
            r":2:.*1\.azimuth: there is no such key; did you mean 'azimuth_deg'",
        ),
        ("- {azimuth_deg: 45}\n- {azimuth_deg: 45, elevation_deg: 100}\n", r":2:.*90"),
        ("- {azimuth_deg: left}\n- {azimuth_deg: 0}\n", r":1:.*number"),
        ("- {azimuth_deg: 45}\n", ":1:.*at least 2"),
        ("- {azimuth_deg: 10}\n- {azimuth_deg: -350}\n", ":.*1 and 2 stand in the same"),
        ("loudspeakers:\n- {azimuth_deg: 0}\n- {azimuth_deg: .nan}\n", r":3:.*finite"),
        ("azimuth_deg: 3\n", ":1:.*azimuth_deg"),
        ("", ":1:1: the file is empty"),
    ],
)
def test_bad_layout_files_are_refused_with_their_place(tmp_path, text, reason):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(FileFormatError, match=rf"bad\.yaml{reason}") as refusal:
        find_layout(tmp_path / "bad.yaml")
    assert "\n" not in str(refusal.value)
