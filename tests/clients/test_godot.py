"""Godot 3, and Godot 4's web build, play the golden scene: places, sides, levels, starts."""

import godot3_client
import godot4_client
import godot_probe
import numpy as np
import pytest
from client_figures import tone_db
from godot_probe import (
    IDENTIFIERS,
    LAW_DISTANCES_M,
    above_the_tones,
    from_start,
    law_db,
    pairs_and_tones,
    pairs_scene,
)
from golden_scene import DURATION_S, FRONT, LEFT, LISTENER_YAW_DEG, RATE_HZ, RIGHT
from golden_variant import STANDING, WALKING, export_variant

from auralize.exporting import export

pytestmark = pytest.mark.client

CLIENTS = {"godot3": godot3_client, "godot": godot4_client}
"""By the name of the export that they play."""


@pytest.fixture(scope="module", params=CLIENTS)
def target(request):
    missing = CLIENTS[request.param].missing()
    if missing:
        pytest.skip(missing)
    return request.param


@pytest.fixture(scope="module")
def played(golden_export, target):
    return CLIENTS[target].play(golden_export(target))


def test_places_sides_and_starts(played, target):
    figures = godot_probe.figures(played, "Godot")
    assert figures.client.startswith("Godot 3." if target == "godot3" else "Godot 4.")
    assert figures.position_error_m < 0.001
    sides_db = [figures.left_db[0] - figures.left_db[1], figures.right_db[1] - figures.right_db[0]]
    if target == "godot3":
        assert min(sides_db) > 20
    else:  # Godot 4's own panning strength of 0.5 leaves 6 dB between the sides.
        assert sides_db == pytest.approx([6.02, 6.02], abs=0.05)
    assert figures.start_offset_samples == 0
    assert godot_probe.yaw_error_rad(played.ears[0], LISTENER_YAW_DEG) < 1e-5


def test_w_walks_to_where_one_looks(played):
    walked = np.array(played.walked)
    yaw = np.radians(LISTENER_YAW_DEG)
    ahead = np.array([-np.sin(yaw), 0.0, -np.cos(yaw)])
    assert np.linalg.norm(walked) > 0.01
    np.testing.assert_allclose(walked / np.linalg.norm(walked), ahead, atol=1e-4)


def test_stems_are_as_long_as_the_scene(played):
    assert set(played.stems) == set(IDENTIFIERS.values())
    assert played.rate_hz == RATE_HZ
    for length_s, rate_hz, size in played.stems.values():
        assert length_s == DURATION_S
        assert rate_hz == RATE_HZ
        assert size == 2 * DURATION_S * RATE_HZ


def test_players_move_with_the_sound(played, target):
    # Chromium, which runs Godot 4, draws without a graphics card here.
    assert len(played.live) > (20 if target == "godot3" else 1)
    godot_probe.check_movement(played)


@pytest.mark.parametrize("source", [LEFT, RIGHT, FRONT])
def test_level_is_the_scenes(played, source):
    sound = from_start(played.sound)
    powers = [tone_db(channel, RATE_HZ, source.tone_hz, 0.6, 1.9) for channel in sound.T]
    level_db = 10 * np.log10(sum(10 ** (power / 10) for power in powers))
    law_db = 20 * np.log10(0.25 * source.reference_distance_m / 2.0) + source.gain_db
    assert level_db == pytest.approx(law_db, abs=0.02)


@pytest.mark.parametrize("target", ["godot3"], indirect=True)  # Godot 4's editor is not here.
def test_the_folder_may_lie_anywhere_in_a_project(golden_export, target):
    inside = godot3_client.play(golden_export(target), inside="music/quartet")
    figures = godot_probe.figures(inside, "Godot")
    assert figures.position_error_m < 0.001
    assert figures.start_offset_samples == 0
    assert {length for length, *_ in inside.stems.values()} == {DURATION_S}


def test_a_listener_who_walks_and_turns(golden, tmp_path, target):
    out = tmp_path / "out"
    export_variant(golden, "walking", target, out, old=STANDING, new=WALKING)
    godot_probe.check_walk(CLIENTS[target].play(out))


def test_sources_upside_down_cancel_out_and_the_law_holds_at_all_distances(tmp_path, target):
    export(pairs_scene(tmp_path), target, tmp_path / "out")
    played = CLIENTS[target].play(tmp_path / "out", again=True)
    assert len(played.stems) == 32 + len(LAW_DISTANCES_M)
    levels_db, rest = pairs_and_tones(played)
    np.testing.assert_allclose(levels_db, [law_db(d) for d in LAW_DISTANCES_M], atol=0.05)
    # A stem that starts elsewhere leaves 0.1; the dither of all stems is 1e-4.
    assert rest < 5e-4
    # The second time, too, from 0.25 s on and on both sides of a pause.
    assert len(played.sound) > 1.6 * RATE_HZ
    assert above_the_tones(played).max() < 1e-3
