"""Players of whole takes, from points to performers, in rooms where everything is known."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from capture.performer import read_performers, write_performers
from capture.players import FindConfig, find_performers
from capture.point_cloud import PointCloud
from capture.take import open_take

RATE_HZ = 5.0


@dataclass
class Images:
    """Views as a take shows them."""

    views: list
    empty: tuple[int, ...] = ()
    asked_color: list[bool] = field(default_factory=list)

    @property
    def times_s(self):
        return 0.1 + np.arange(len(self.views)) / RATE_HZ

    def image_point_cloud(self, index, *, color=True):
        self.asked_color.append(color)
        points = self.views[index].points_m
        if index in self.empty:
            points = points[:0]
        colors = np.full(points.shape, 90 + self.views[index].owners[0], np.uint8)
        return PointCloud(positions_m=points, colors=colors if color else None)


def seen_centroids(view, count):
    """Of what is seen of each thing above the floor."""
    high = view.points_m[:, 2] > 0.06
    return np.array(
        [view.points_m[(view.owners == n) & high].mean(axis=0) for n in range(count)], np.float64
    )


@pytest.fixture
def room(scenes):
    return [scenes.floor(), scenes.wall(3.9)]


def test_a_trio_with_stands_and_an_empty_chair(scenes, room):
    """Each is found once, from left to right, where they are, and faces as made."""
    places = [(2.6, -0.8, np.pi - 0.4), (2.3, 0.9, np.pi + 0.7), (2.8, 0.1, np.pi)]
    furniture = [scenes.music_stand(2.2, 1.8), scenes.chair(2.9, -1.7)]
    views = []
    for k in range(6):
        sway = 0.02 * np.sin(k)
        people = [
            scenes.person(x, y + sway, yaw, seated=n == 1) for n, (x, y, yaw) in enumerate(places)
        ]
        views.append(scenes.see([*people, *furniture], room))
    found = find_performers(Images(views))
    assert [performer.name for performer in found] == ["performer-1", "performer-2", "performer-3"]
    truth = np.mean([seen_centroids(view, 3) for view in views], axis=0)
    for performer, who in zip(found, (1, 2, 0), strict=True):
        trajectory = performer.trajectory
        np.testing.assert_allclose(trajectory.times_s, Images(views).times_s)
        assert np.linalg.norm(trajectory.mean_position_m - truth[who]) < 0.03
        turn = trajectory.at(0.0).yaw_rad - places[who][2]
        assert abs(np.degrees(np.angle(np.exp(1j * turn)))) < 25
        for cloud in performer.clouds:
            assert np.isfinite(cloud.positions_m).all()
            # Of nobody else, and nearly all of them.
            away = np.abs(cloud.positions_m[:, :2] - truth[who][:2]).max()
            assert away < 0.75
            assert 1500 < len(cloud) < 8000


def test_movement_is_followed(scenes, room):
    """A player sways by 20 cm over two seconds; the trajectory goes along."""
    shifts = 0.1 * np.cos(np.pi * np.arange(10) / 5)
    views = [scenes.see([scenes.person(2.5, 0.3 + shift)], room) for shift in shifts]
    (performer,) = find_performers(Images(views))
    truth = np.concatenate([seen_centroids(view, 1) for view in views])
    path = performer.trajectory.positions_at(Images(views).times_s)
    assert np.abs(path - truth).max() < 0.04
    assert np.ptp(path[:, 1]) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("tilt_deg", [-1.0, 1.0])
def test_a_floor_that_is_a_degree_off(scenes, tilt_deg):
    """At 2.5 m the floor is 4 cm higher or lower than it should be."""
    slope = np.tan(np.radians(tilt_deg))
    people = [scenes.person(2.5, y) + np.array([0, 0, 2.5 * slope]) for y in (0.6, -0.6)]
    views = [scenes.see(people, [scenes.floor(np.arctan(slope))]) for _ in range(3)]
    found = find_performers(Images(views))
    assert len(found) == 2
    truth = seen_centroids(views[0], 2)
    for performer, expected in zip(found, truth, strict=True):
        assert np.linalg.norm(performer.trajectory.mean_position_m - expected) < 0.04


def test_an_empty_image_and_one_image(scenes, room):
    people = [scenes.person(2.4, 0.6), scenes.person(2.5, -0.6)]
    views = [scenes.see(people, room)] * 6
    gap = find_performers(Images(views, empty=(3,)))
    assert [len(performer.trajectory.times_s) for performer in gap] == [6, 6]
    for performer in gap:
        assert performer.position_std_m.argmax() == 3
    single = find_performers(Images(views[:1]))
    assert len(single) == 2
    for one, performer in zip(single, gap, strict=True):
        assert len(one.clouds) == 1
        np.testing.assert_allclose(
            one.trajectory.mean_position_m, performer.trajectory.mean_position_m, atol=0.01
        )


def test_nobody_is_nobody(scenes, room):
    furniture = [scenes.music_stand(1.8, 0.6), scenes.chair(2.5, -0.7)]
    progress = []
    found = find_performers(Images([scenes.see(furniture, room)] * 3), progress=progress.append)
    assert found == ()
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    nothing = Images([scenes.see(furniture, room)] * 2, empty=(0, 1))
    assert find_performers(nothing) == ()


def test_the_same_take_gives_the_same_performers_that_survive_a_file(scenes, room, tmp_path):
    people = [scenes.person(2.4, 0.6), scenes.person(2.5, -0.6)]
    views = [scenes.see(people, room) for _ in range(5)]
    for name in ("once", "again"):
        write_performers(tmp_path / name, find_performers(Images(views)))
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name
    read = read_performers(tmp_path / "once")
    assert [len(performer.clouds) for performer in read] == [2, 2]
    assert all(cloud.colors is not None for performer in read for cloud in performer.clouds)


def test_color_is_read_only_for_clouds_that_are_kept(scenes, room):
    images = Images([scenes.see([scenes.person(2.4, 0.0)], room)] * 10)
    (performer,) = find_performers(images, FindConfig(clouds_hz=1.0))
    assert sum(images.asked_color) == len(performer.clouds) == 2
    (often,) = find_performers(images, FindConfig(rate_hz=2.5, clouds_hz=2.5))
    assert len(often.trajectory.times_s) == len(often.clouds) == 5


def test_a_mug_on_a_table_is_no_player(shared):
    recording = shared / "data" / "pyk4a_recording.mkv"
    if not recording.is_file():
        pytest.skip("the recording is not here")
    with open_take(recording) as take:
        assert find_performers(take) == ()


@pytest.mark.parametrize("wrong", [{"rate_hz": 0.0}, {"clouds_hz": -1.0}, {"cloud_voxel_m": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be positive"):
        FindConfig(**wrong)


def test_a_player_who_is_cut_in_half_once_does_not_jump(scenes, room):
    """In one image a board hides the legs; the trajectory goes on where the whole player is."""
    views = [scenes.see([scenes.person(2.6, 0.2)], room) for _ in range(8)]
    board = np.concatenate([scenes.box([1.6, -0.3, 0.1], [1.62, 0.7, 0.95]) for _ in range(6)])
    views[4] = scenes.see([scenes.person(2.6, 0.2), board], room)
    truth = seen_centroids(views[0], 1)[0]
    assert np.linalg.norm(seen_centroids(views[4], 1)[0] - truth) > 0.08
    found = find_performers(Images(views))
    (player,) = [each for each in found if each.trajectory.mean_position_m[0] > 2]
    path = player.trajectory.positions_at(Images(views).times_s)
    assert np.linalg.norm(path - truth, axis=1).max() < 0.04
