"""The types of a scene: where things are over time, and what is heard."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from capture.pose import Trajectory, quaternion_from_yaw
from scenes import Listener, Medium, Room, Scene, Source, keyframes_from_trajectory


def source(**changes):
    return Source(**({"name": "a", "file": "a.wav", "position_m": (2.0, 0.0, 1.2)} | changes))


def scene(*sources, **changes):
    return Scene(**({"sample_rate_hz": 48_000, "sources": sources or (source(),)} | changes))


def moving(*keys, **changes):
    frames = [{"time_s": time, "position_m": position} for time, position in keys]
    return source(position_m=None, keyframes=frames, **changes)


class TestSource:
    def test_goes_straight_between_keyframes_and_holds_its_ends(self):
        going = moving((1.0, (0, 0, 0)), (3.0, (2, 4, -2)))
        positions = going.positions_at(np.array([0.0, 1.0, 1.5, 3.0, 9.0]))
        expected = [(0, 0, 0), (0, 0, 0), (0.5, 1, -0.5), (2, 4, -2), (2, 4, -2)]
        np.testing.assert_allclose(positions, expected, atol=1e-12)

    def test_smooth_interpolation_meets_its_keyframes_and_never_overshoots(self):
        keys = [(0.0, (0, 0, 0)), (1.0, (1, 0, 0)), (2.0, (1, 3, 0)), (4.0, (0, 3, 0))]
        going = moving(*keys, interpolation="smooth")
        at_keys = going.positions_at(np.array([time for time, _ in keys]))
        np.testing.assert_allclose(at_keys, [position for _, position in keys], atol=1e-12)
        path = going.positions_at(np.linspace(-1, 5, 601))
        assert path.min() >= 0.0
        assert path[:, 0].max() <= 1.0
        assert path[:, 1].max() <= 3.0
        # Smooth: no corner sharper than the sampling explains, unlike straight lines.
        straight = moving(*keys).positions_at(np.linspace(-1, 5, 601))
        assert np.abs(np.diff(path, 2, axis=0)).max() < np.abs(np.diff(straight, 2, axis=0)).max()

    def test_moves_only_where_the_position_changes(self):
        assert not source().moves
        assert not moving((0.0, (1, 2, 3)), (1.0, (1, 2, 3))).moves
        assert moving((0.0, (1, 2, 3)), (1.0, (1, 2, 3.001))).moves

    def test_faces_along_the_shorter_arc_and_holds_its_ends(self):
        keys = [
            {"time_s": 1, "position_m": (0, 0, 0), "yaw_deg": 170},
            {"time_s": 2, "position_m": (0, 0, 0)},
            {"time_s": 3, "position_m": (0, 0, 0), "yaw_deg": -150},
        ]
        turning = source(position_m=None, keyframes=keys)
        assert turning.turns
        assert not turning.moves
        yaws = np.degrees(turning.yaw()(np.array([0.0, 1.0, 2.0, 3.0, 9.0])))
        np.testing.assert_allclose(yaws, [170, 170, 190, 210, 210])
        assert source().yaw() is None
        np.testing.assert_allclose(source(yaw_deg=90).yaw()(np.zeros(2)), np.pi / 2)

    @pytest.mark.parametrize("directivity", ["cardioid", 0.25, 1, "violin"])
    def test_radiates_by_name_or_number(self, directivity):
        assert source(directivity=directivity).pattern == directivity

    def test_radiates_as_its_instrument(self):
        assert source(directivity="instrument", instrument="Violoncello").pattern == "cello"

    def test_takes_numpy_positions(self):
        assert source(position_m=np.array([1, 2, 3], dtype=np.float32)).position_m == (1, 2, 3)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"position_m": None}, "neither is"),
            ({"keyframes": [{"time_s": 0, "position_m": (0, 0, 0)}]}, "both are"),
            ({"position_m": (0, 0, float("nan"))}, "finite"),
            ({"position_m": (0, 0, float("inf"))}, "finite"),
            ({"position_m": ("1", 0, 0)}, "number"),
            ({"gain_db": True}, "number"),
            ({"channel": 0}, "greater than or equal to 1"),
            ({"reference_distance_m": 0}, "greater than 0"),
            ({"start_s": -1}, "greater than or equal to 0"),
            ({"volume": 3}, "Extra"),
            ({"extent_m": -1}, "greater than or equal to 0"),
            ({"directivity": 1.5}, "from 0 .omni. .* to 1"),
            ({"directivity": True}, "directivity must be one of omni"),
            ({"directivity": "cardoid"}, "got 'cardoid'; did you mean 'cardioid'"),
            ({"directivity": "instrument"}, "needs an instrument whose radiation is known .*None"),
            ({"directivity": "instrument", "instrument": "kazoo"}, "got 'kazoo'"),
        ],
    )
    def test_refuses(self, changes, reason):
        with pytest.raises(ValidationError, match=reason):
            source(**changes)

    def test_refuses_keyframes_that_go_back_in_time(self):
        with pytest.raises(ValidationError, match="must increase, but 1 s follows 2 s"):
            moving((0.0, (0, 0, 0)), (2.0, (1, 0, 0)), (1.0, (2, 0, 0)))

    def test_is_frozen(self):
        with pytest.raises(ValidationError):
            source().gain_db = 3.0


class TestListener:
    def test_stands_at_the_origin_with_ears_at_1_2_m_and_looks_ahead(self):
        pose = Listener().trajectory.at(0.0)
        np.testing.assert_allclose(pose.position_m, [0, 0, 1.2])
        np.testing.assert_allclose(pose.rotation, np.eye(3), atol=1e-15)
        assert not Listener().moves

    def test_yaw_turns_left_pitch_looks_down_and_roll_leans_right(self):
        front, left, up = np.eye(3)
        turned = Listener(yaw_deg=90).trajectory.at(0.0).rotation
        np.testing.assert_allclose(turned @ front, left, atol=1e-12)
        down = Listener(pitch_deg=90).trajectory.at(0.0).rotation
        np.testing.assert_allclose(down @ front, -up, atol=1e-12)
        leaning = Listener(roll_deg=90).trajectory.at(0.0).rotation
        np.testing.assert_allclose(leaning @ up, -left, atol=1e-12)

    def test_turns_along_the_shorter_arc_at_its_own_place(self):
        keys = [{"time_s": 0, "yaw_deg": 170}, {"time_s": 2, "yaw_deg": -170}]
        listener = Listener(position_m=(1, 2, 3), keyframes=keys)
        pose = listener.trajectory.at(1.0)
        np.testing.assert_allclose(pose.position_m, [1, 2, 3])
        np.testing.assert_allclose(pose.rotation @ [1, 0, 0], [-1, 0, 0], atol=1e-12)
        assert listener.moves

    def test_hears_the_near_field_with_a_head_of_any_human_size(self):
        assert Listener().near_field
        assert not Listener(near_field=False).near_field
        assert Listener(head_radius_m=0.07).head_radius_m == 0.07
        for radius_m in (0.0, 0.5):
            with pytest.raises(ValidationError, match="head_radius_m"):
                Listener(head_radius_m=radius_m)

    def test_refuses_two_orientations(self):
        with pytest.raises(ValidationError, match="belong into the keyframes"):
            Listener(yaw_deg=10, keyframes=[{"time_s": 0}])


class TestScene:
    def test_hears_all_but_the_muted(self):
        heard = scene(source(name="a", mute=True), source(name="b")).heard_sources
        assert [s.name for s in heard] == ["b"]

    def test_hears_only_the_solo_and_a_muted_solo_not(self):
        sources = (
            source(name="a", solo=True),
            source(name="b"),
            source(name="c", solo=True, mute=True),
        )
        assert [s.name for s in scene(*sources).heard_sources] == ["a"]

    def test_refuses_two_sources_of_one_name(self):
        with pytest.raises(ValidationError, match="'a' is taken"):
            scene(source(), source())

    def test_refuses_a_scene_with_no_source(self):
        with pytest.raises(ValidationError, match="at least 1"):
            Scene(sample_rate_hz=48_000, sources=())

    def test_room_needs_size_and_reverberation_time(self):
        assert Room(size_m=(8, 6, 3), rt60_s=0.6).size_m == (8, 6, 3)
        with pytest.raises(ValidationError, match="rt60_s"):
            Room(size_m=(8, 6, 3))
        with pytest.raises(ValidationError, match="greater than 0"):
            Room(size_m=(8, -6, 3), rt60_s=0.6)
        with pytest.raises(ValidationError, match="all switched off"):
            Room(size_m=(8, 6, 3), rt60_s=0.6, direct=False, early=False, late=False)

    def test_room_knows_its_own_axes(self):
        room = Room(size_m=(8, 6, 3), rt60_s=0.6, yaw_deg=90, floor_center_m=(10, 0, 1))
        places = np.array([[10, 3.9, 2.5], [7.1, 0, 1.1], [10, 4.1, 2]])
        np.testing.assert_allclose(
            room.to_room(places), [[3.9, 0, 1.5], [0, 2.9, 0.1], [4.1, 0, 1]], atol=1e-12
        )
        np.testing.assert_allclose(room.to_world(room.to_room(places)), places, atol=1e-12)
        np.testing.assert_allclose(room.depth_inside_m(places), [0.1, 0.1, -0.1], atol=1e-12)

    def test_somebody_moving_is_inside_all_the_way(self):
        keys = [{"time_s": t, "position_m": (x, 0, 1)} for t, x in ((0, 1.0), (1, 4.5))]
        walking = {"name": "m", "file": "m.wav", "keyframes": keys}
        with pytest.raises(ValidationError, match=r"'m' at \[4.5, 0, 1\] is outside the room"):
            scene(walking, room={"size_m": (8, 6, 3), "rt60_s": 0.6})
        ears = {"keyframes": [{"time_s": 0}, {"time_s": 1, "position_m": (0, 2.95, 1.2)}]}
        with pytest.raises(ValidationError, match="with the head in a wall"):
            scene(source(), listener=ears, room={"size_m": (8, 6, 3), "rt60_s": 0.6})

    def test_speed_of_sound_follows_the_temperature(self):
        assert Medium().speed_of_sound_m_s == pytest.approx(343.2)
        # 331.3 m/s in dry air at 0 °C is the textbook's value.
        assert Medium(temperature_c=0).speed_of_sound_m_s == pytest.approx(331.3, abs=0.1)

    @pytest.mark.parametrize(
        "changes",
        [{"relative_humidity_percent": 101}, {"pressure_kpa": 0}, {"air_absorption": 1}],
    )
    def test_refuses_air_that_there_is_not(self, changes):
        with pytest.raises(ValidationError):
            Medium(**changes)


class TestKeyframesFromTrajectory:
    @staticmethod
    def trajectory(positions, yaws=None):
        count = len(positions)
        yaws = np.zeros(count) if yaws is None else yaws
        return Trajectory(
            times_s=np.arange(count) / 15.0,
            positions_m=np.asarray(positions, dtype=np.float64),
            orientations_wxyz=np.stack([quaternion_from_yaw(yaw) for yaw in yaws]),
        )

    def test_stays_within_the_tolerance_with_far_fewer_keys(self):
        times = np.arange(300) / 15.0
        sway = np.stack([2 + 0 * times, 0.1 * np.sin(times), 1.2 + 0 * times], axis=1)
        keys = keyframes_from_trajectory(self.trajectory(sway), tolerance_m=0.005)
        assert 5 < len(keys) < 60
        path = Source(name="a", file="a.wav", keyframes=keys).positions_at(times)
        assert np.linalg.norm(path - sway, axis=1).max() < 0.006

    def test_straight_motion_needs_two_and_standing_still_one(self):
        line = np.linspace([0, 0, 0], [1, 2, 0], 50)
        assert len(keyframes_from_trajectory(self.trajectory(line))) == 2
        assert len(keyframes_from_trajectory(self.trajectory(np.ones((50, 3))))) == 1

    def test_keeps_the_turns(self):
        yaws = np.concatenate([np.linspace(3.0, 3.3, 20), np.full(20, 3.3)])
        keys = keyframes_from_trajectory(self.trajectory(np.ones((40, 3)), yaws))
        assert len(keys) == 3
        facing = [np.radians(key.yaw_deg) for key in keys]
        np.testing.assert_allclose(np.cos(facing), np.cos([3.0, 3.3, 3.3]), atol=2e-3)
        np.testing.assert_allclose(np.sin(facing), np.sin([3.0, 3.3, 3.3]), atol=2e-3)
