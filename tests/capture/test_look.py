import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from capture.errors import DependencyError, OutputError
from capture.look import LookConfig, draw_film, draw_still, show_live
from capture.look.film import images_at_rate
from capture.look.players import NOBODY, PlayerPoints, painted, player_color
from capture.performer import Performer
from capture.point_cloud import PointCloud
from capture.pose import Trajectory, quaternion_from_yaw

SMALL = LookConfig(width=400, rate_hz=10)


def block(x, y):
    """A person-sized block of points."""
    grid = np.mgrid[-0.15:0.16:0.03, -0.15:0.16:0.03, 0.1:1.7:0.03].reshape(3, -1).T
    return np.add(grid, [x, y, 0]).astype(np.float32)


class Walk:
    """Somebody who walks to the left at 1 m/s, and somebody who stands, three metres away."""

    times_s = np.arange(11) / 10

    def image_point_cloud(self, index, *, color=True):
        points = np.concatenate([block(2.0, -0.8 + self.times_s[index]), block(3.0, 1.2)])
        colors = np.full(points.shape, 200, np.uint8) if color else None
        return PointCloud(positions_m=points, colors=colors)


def performers():
    """Clouds are kept of the first image only: what is drawn later has moved."""
    walk = [[2.0, -0.8, 0.9], [2.0, 0.2, 0.9]]
    made = []
    for name, path in (("walks", walk), ("stands", [[3.0, 1.2, 0.9]] * 2)):
        made.append(
            Performer(
                name=name,
                trajectory=Trajectory(
                    times_s=np.array([0.0, 1.0]),
                    positions_m=np.array(path),
                    orientations_wxyz=np.tile(quaternion_from_yaw(np.pi), (2, 1)),
                ),
                cloud_times_s=np.array([0.0]),
                clouds=(PointCloud(positions_m=block(*path[0][:2])),),
            )
        )
    return tuple(made)


def colored(image, number):
    """Columns, from 0 to 1 in each half, of pixels in a player's hue and brightest shade."""
    pixels = np.asarray(image.convert("RGB")).astype(float)[:-45]
    wanted = np.array(player_color(number)) / np.linalg.norm(player_color(number))
    length = np.linalg.norm(pixels, axis=2)
    alike = (pixels @ wanted) / np.maximum(length, 1) > 0.995
    rows, columns = np.nonzero(alike & (length > 60))
    return columns / image.width, rows / image.height


def test_points_are_whose_cloud_they_are_near_also_after_a_walk():
    take, points = Walk(), PlayerPoints(performers())
    for index in (0, 10):
        cloud = take.image_point_cloud(index)
        half = len(cloud) // 2
        owners = points.owners(cloud.positions_m, float(take.times_s[index]))
        assert (owners[:half] == 0).all()
        assert (owners[half:] == 1).all()
    alone = PlayerPoints(performers()[1:]).owners(take.image_point_cloud(0).positions_m, 0.0)
    assert (alone[:half] == NOBODY).all()
    assert (points.owners(cloud.positions_m, 9.0) == NOBODY).all()


def test_left_in_the_world_is_left_in_the_picture(tmp_path):
    path = tmp_path / "still.png"
    draw_still(path, Walk(), performers(), time_s=0.1, config=SMALL)
    image = Image.open(path)
    assert image.width == 400
    (walks, _), (stands, stands_rows) = colored(image, 0), colored(image, 1)
    front, above = walks[walks < 0.5], walks[walks > 0.5]
    assert np.median(front) > np.median(stands[stands < 0.5])  # y = −0.7 is to the right
    assert np.median(above) > np.median(stands[stands > 0.5])
    rows = colored(image, 0)[1]
    assert np.median(rows[walks > 0.5]) > np.median(stands_rows[stands > 0.5])  # nearer: below


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_an_animation_moves_as_the_take_does(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    steps = []
    count = draw_film(path, Walk(), performers(), config=SMALL, progress=steps.append)
    assert count == 11
    assert steps[-1] == 1.0
    image = Image.open(path)
    assert image.n_frames == 11
    middles = []
    for index in (0, 10):
        image.seek(index)
        columns, _ = colored(image, 0)
        middles.append(np.median(columns[columns < 0.5]))
    assert middles[1] < middles[0] - 0.05  # walks to the left
    assert image.info["duration"] == 100


def test_long_takes_are_shown_faster_and_empty_stretches_refused():
    times = np.arange(9000) / 15
    chosen = images_at_rate(times, LookConfig(rate_hz=5, most=150))
    assert len(chosen) == 150
    assert chosen[0] == 0
    assert np.ptp(np.diff(chosen)) <= 3
    assert np.allclose(np.diff(times[images_at_rate(times, LookConfig(), 10, 12)]), 0.2)
    with pytest.raises(ValueError, match=r"no image lies between 700\.00 s and 800\.00 s"):
        images_at_rate(times, LookConfig(), 700, 800)


def test_bad_arguments_are_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"\.webp or \.gif"):
        draw_film(tmp_path / "film.mp4", Walk())
    with pytest.raises(ValueError, match="width"):
        LookConfig(width=10)
    assert list(tmp_path.iterdir()) == []


def test_a_take_where_nothing_is_measured_is_drawn_empty(tmp_path):
    empty = types.SimpleNamespace(
        times_s=np.zeros(1),
        image_point_cloud=lambda index, *, color=True: PointCloud(
            positions_m=np.zeros((0, 3), np.float32)
        ),
    )
    draw_still(tmp_path / "a.png", empty, config=SMALL)
    assert Image.open(tmp_path / "a.png").width == 400


def test_without_rerun_the_live_view_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(DependencyError, match=r"auralize\[look\]"):
        show_live(Walk())


def test_rerun_writes_every_image(tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed")
    path = tmp_path / "walk.rrd"
    show_live(Walk(), performers(), save=path, config=LookConfig(rate_hz=10))
    assert path.stat().st_size > 11 * 10_000


class FakeRerun(types.ModuleType):
    """Keeps what is sent to a viewer, by place and time."""

    def __init__(self):
        super().__init__("rerun")
        self.sent, self.now = [], None
        self.ViewCoordinates = types.SimpleNamespace(FLU="front, left, up")
        self.Points3D = self.Arrows3D = self.Clear = lambda *given, **named: (given, named)

    def RecordingStream(self, name):
        return self

    def set_time(self, timeline, *, duration):
        self.now = duration

    def log(self, place, what, *, static=False):
        self.sent.append((None if static else self.now, place, what))

    def save(self, path):
        path.write_bytes(b"RRF2")

    def spawn(self):
        self.spawned = True

    def flush(self):
        pass

    disconnect = flush


def test_the_live_view_is_told_who_is_where_and_who_has_left(tmp_path, monkeypatch):
    fake = FakeRerun()
    monkeypatch.setitem(sys.modules, "rerun", fake)
    walks, _ = performers()
    short = walks.trajectory
    gone = Trajectory(
        times_s=short.times_s - 1.2,
        positions_m=short.positions_m,
        orientations_wxyz=short.orientations_wxyz,
    )
    left = Performer(name="left", trajectory=gone, cloud_times_s=np.zeros(0), clouds=())
    show_live(Walk(), (walks, left), save=tmp_path / "a.rrd", config=SMALL)
    assert (tmp_path / "a.rrd").exists()
    assert fake.sent[0] == (None, "world", "front, left, up")
    at = {(time, place): what for time, place, what in fake.sent}
    assert len([1 for time, place in at if place == "world/points"]) == 11
    _, arrow = at[1.0, "world/walks"]
    assert np.allclose(arrow["origins"], [[2.0, 0.2, 0.9]])
    assert np.allclose(arrow["vectors"], [[-0.45, 0, 0]])
    assert "origins" in at[0.2, "world/left"][1]
    assert at[1.0, "world/left"] == ((), {"recursive": False})


def test_many_players_have_their_names_below_one_another(tmp_path):
    many = [replace(performers()[0], name=f"player-{number}") for number in range(8)]
    draw_still(tmp_path / "one.png", Walk(), many[:1], config=SMALL)
    draw_still(tmp_path / "many.png", Walk(), many, config=SMALL)
    one, eight = (Image.open(tmp_path / f"{name}.png") for name in ("one", "many"))
    assert eight.height > one.height
    below = np.asarray(eight)[one.height - 20 :].reshape(-1, 3)
    for number in (4, 7):
        assert (below == player_color(number)).all(axis=1).any()


def test_points_without_a_color_are_as_light_as_the_others():
    positions_m = np.zeros((9, 3), np.float32)
    colors = np.repeat(np.array([0, 60, 200], np.uint8), 3)[:, None].repeat(3, axis=1)
    cloud = PointCloud(positions_m=positions_m, colors=colors)
    shown = painted(cloud, np.zeros(9, np.int8))
    assert (shown[0] > shown[3]).all()
    assert (shown[0] < shown[6]).all()


def test_without_a_display_the_live_view_says_what_to_do(monkeypatch):
    fake = FakeRerun()
    monkeypatch.setitem(sys.modules, "rerun", fake)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match=r"no display.*\.rrd"):
        show_live(Walk())
    monkeypatch.setenv("DISPLAY", ":0")
    show_live(Walk(), config=SMALL)
    assert fake.spawned
