"""Who is who, from image to image, in scenes where that is known."""

from dataclasses import replace

import numpy as np
import pytest

from capture.players.desks import DeskConfig, find_desks
from capture.players.follow import CLUTTER, FollowConfig, follow
from capture.players.segment import SegmentConfig, components

SEGMENT = SegmentConfig()
CONFIG = FollowConfig()
RATE_HZ = 5.0
NOISE = -2


def standing(scenes, things):
    """What is seen of things, without what is as low as the floor."""
    view = scenes.see(things)
    high = view.points_m[:, 2] > SEGMENT.floor_m
    return replace(view, points_m=view.points_m[high], owners=view.owners[high])


def are_one(view, first, second):
    """Whether a component holds a good part of two things."""
    image = components(view.points_m, SEGMENT)
    shares = []
    for thing in (first, second):
        cells = image.point_cells[view.owners == thing]
        held = np.bincount(image.labels[cells[cells >= 0]], minlength=image.count)
        shares.append(held / held.sum())
    return bool(np.minimum(*shares).max() > 0.25)


def followed(views, config=CONFIG):
    """Follow views; return each image's label for every point (NOISE where it has no voxel)."""
    images = [components(view.points_m, SEGMENT) for view in views]
    times = np.arange(len(views)) / RATE_HZ
    free = [~find_desks(image, SEGMENT.voxel_m, DeskConfig()) for image in images]
    without = [image.select(mine) for image, mine in zip(images, free, strict=True)]
    people = follow(without, times, SEGMENT.voxel_m, config)
    named = []
    for image, mine, label in zip(images, free, people.labels, strict=True):
        of_voxel = np.full(len(mine), CLUTTER)
        of_voxel[mine] = np.where(label < people.players, label, CLUTTER)
        of_point = np.full(len(image.point_cells), NOISE)
        known = image.point_cells >= 0
        of_point[known] = of_voxel[image.point_cells[known]]
        named.append(of_point)
    return named


def name_of(view, labels, thing):
    """The label that most points of a thing have, and by which share."""
    own = labels[(view.owners == thing) & (labels != NOISE)]
    values, counts = np.unique(own, return_counts=True)
    return int(values[counts.argmax()]), counts.max() / counts.sum()


def check_identity(views, named, players, share=0.95, least_points=300):
    """Every player has one name throughout, no two share one, and nearly all their points do."""
    names = {}
    for index, (view, labels) in enumerate(zip(views, named, strict=True)):
        for thing in players:
            if np.count_nonzero(view.owners == thing) < least_points:
                continue
            name, having = name_of(view, labels, thing)
            assert name != CLUTTER, f"image {index}: player {thing} is lost"
            assert names.setdefault(thing, name) == name, f"image {index}: {thing} was swapped"
            assert having >= share, f"image {index}: {having:.2f} of player {thing} is {name}"
    assert len(set(names.values())) == len(players)
    return names


def count_of(named):
    return max(int(labels.max(initial=CLUTTER)) for labels in named) + 1


def test_players_who_sit_apart(scenes):
    views = [
        standing(scenes, [scenes.person(2.4, 0.9 + 0.03 * np.sin(k)), scenes.person(2.6, -0.5)])
        for k in range(8)
    ]
    named = followed(views)
    check_identity(views, named, [0, 1], share=0.99)
    assert count_of(named) == 2


def test_neighbours_touch_for_a_while(scenes):
    """They lean to each other until their arms meet, for four images, and part again."""
    lean = [0, 0, 0.08, 0.15, 0.2, 0.2, 0.2, 0.15, 0.08, 0, 0]
    views = [
        standing(scenes, [scenes.person(2.4, 0.42 - d), scenes.person(2.4, -0.42 + d)])
        for d in lean
    ]
    assert all(are_one(view, 0, 1) for view in views[4:7])
    named = followed(views)
    check_identity(views, named, [0, 1], share=0.9)
    for view, labels in zip(views[-2:], named[-2:], strict=True):  # nothing sticks
        for thing in (0, 1):
            assert name_of(view, labels, thing)[1] > 0.99
    assert count_of(named) == 2


def test_one_is_hidden_for_a_second(scenes):
    """A board is carried before the left player, who is wholly hidden in five images."""
    things = [scenes.person(2.8, 0.7), scenes.person(2.5, -0.7)]
    board = np.concatenate([scenes.box([1.3, -0.05, 0.1], [1.32, 0.75, 1.9]) for _ in range(6)])
    views = [standing(scenes, things if not 4 <= k < 9 else [*things, board]) for k in range(13)]
    assert all(np.count_nonzero(view.owners == 0) < 50 for view in views[4:9])
    named = followed(views)
    check_identity(views, named, [0, 1])
    assert count_of(named) == 2


@pytest.mark.parametrize("depth_m", [1.7, 2.15])
def test_somebody_walks_across(scenes, depth_m):
    """Before two players, from right to left, at 1 m/s: far off, and so near that they touch."""
    views = []
    for y in np.arange(-1.2, 1.3, 1.0 / RATE_HZ):
        walker = scenes.person(depth_m, y, yaw_rad=np.pi / 2)
        views.append(standing(scenes, [scenes.person(2.6, 0.6), scenes.person(2.6, -0.4), walker]))
    still = [
        standing(scenes, [scenes.person(2.6, 0.6), scenes.person(2.6, -0.4)]) for _ in range(10)
    ]
    views = [*still[:5], *views, *still[5:]]
    named = followed(views)
    names = check_identity(views, named, [0, 1], share=0.75, least_points=1200)
    # Afterwards they are whole, and theirs is nobody else's.
    for view, labels in zip(views[-3:], named[-3:], strict=True):
        for thing in (0, 1):
            assert name_of(view, labels, thing) == (names[thing], pytest.approx(1, abs=0.01))
    # The walker took nothing of theirs along.
    for view, labels in zip(views[5:-5], named[5:-5], strict=True):
        walking = labels[view.owners == 2]
        assert np.isin(walking, list(names.values())).mean() < 0.35
    last = named[-6][views[-6].owners == 2]
    assert np.isin(last, list(names.values())).mean() < 0.02


@pytest.mark.parametrize("gap_m", [0.2, 0.3])
def test_close_neighbours_whose_bows_touch_from_the_start(scenes, gap_m):
    """Elbows 20 and 30 cm apart, their bows crossed, so that they never come apart."""
    half = (gap_m + 0.5) / 2
    bow = scenes.tube([2.14, -0.42, 1.17], [2.14, 0.42, 1.17], 0.007)
    views = []
    for k in range(4):
        sway = 0.02 * np.sin(k)
        left = np.concatenate([scenes.person(2.45, half + sway), bow])
        views.append(standing(scenes, [left, scenes.person(2.45, -half - sway)]))
    assert all(are_one(view, 0, 1) for view in views)
    named = followed(views)
    check_identity(views, named, [0, 1], share=0.9)
    assert count_of(named) == 2


def test_one_broad_player_is_not_two(scenes):
    """Seated, a cello before the knees, elbow out: several upright parts, one person."""
    parts = [
        scenes.person(2.4, 0.0, seated=True),
        scenes.box([1.85, -0.2, 0.15], [2.02, 0.2, 0.8]),
        scenes.tube([1.95, 0.0, 0.8], [2.2, 0.06, 1.2], 0.03),
        scenes.tube([2.4, 0.2, 0.98], [2.15, 0.06, 1.05], 0.05),
        scenes.tube([2.4, -0.2, 0.98], [2.25, -0.55, 0.8], 0.05),
        scenes.tube([2.25, -0.55, 0.8], [1.95, -0.18, 0.7], 0.04),
    ]
    person = np.concatenate(parts)
    views = [standing(scenes, [person]) for _ in range(3)]
    named = followed(views)
    check_identity(views, named, [0], share=0.99)
    assert count_of(named) == 1


def test_furniture_is_nobody(scenes):
    piece = scenes.wall(3.2, -0.4, 0.4, 1.8)
    things = [scenes.music_stand(1.8, 0.6), scenes.chair(2.4, -0.7), piece]
    views = [standing(scenes, things) for _ in range(3)]
    named = followed(views)
    assert count_of(named) == 0


def test_a_stand_stays_clutter_when_a_player_touches_it(scenes):
    stand = scenes.music_stand(1.75, 0.5)
    reach = [0, 0, 1, 1, 0, 0]
    views = []
    for touching in reach:
        person = scenes.person(2.5, 0.0)
        if touching:
            person = np.concatenate([person, scenes.tube([2.2, 0, 1.17], [1.74, 0.4, 1.2], 0.02)])
        views.append(standing(scenes, [person, stand]))
    named = followed(views)
    check_identity(views, named, [0], share=0.8)
    for view, labels in zip(views, named, strict=True):
        assert (labels[view.owners == 1] >= 0).mean() < 0.3
    assert (named[-1][views[-1].owners == 1] >= 0).mean() < 0.02


def test_who_comes_late_is_a_player_and_who_looks_in_is_not(scenes):
    first = scenes.person(2.5, 0.8)
    late = scenes.person(2.5, -0.6)
    views = [standing(scenes, [first])] * 5 + [standing(scenes, [first, late])] * 6
    named = followed(views)
    check_identity(views, named, [0])
    check_identity(views[5:], named[5:], [0, 1])
    seldom = followed([standing(scenes, [first])] * 9 + [standing(scenes, [first, late])] * 2)
    assert count_of(seldom) == 1


def test_a_player_whose_head_is_mostly_hidden_is_no_visitor(scenes):
    """A stand before the face: the head is seen in a quarter of the images, the body in all."""
    whole = standing(scenes, [scenes.person(2.5, 0.8), scenes.person(2.5, -0.6)])
    shown = (whole.owners == 0) | (np.abs(whole.points_m[:, 2] - 1.4) > 0.25)
    hidden = replace(whole, points_m=whole.points_m[shown], owners=whole.owners[shown])
    views = [whole if index % 4 == 1 else hidden for index in range(20)]
    named = followed(views)
    assert count_of(named) == 2
    check_identity(views[1:18], named[1:18], [0, 1], share=0.8)


def test_an_empty_image_in_the_middle(scenes):
    full = standing(scenes, [scenes.person(2.4, 0.5), scenes.person(2.5, -0.6)])
    images = [components(full.points_m, SEGMENT) for _ in range(5)]
    images[2] = components(np.zeros((0, 3), np.float32), SEGMENT)
    labels = follow(images, np.arange(5) / RATE_HZ, SEGMENT.voxel_m, CONFIG).labels
    assert len(labels[2]) == 0
    for index in (0, 1, 3, 4):
        assert (labels[index] == labels[0]).mean() > 0.99
        assert {0, 1} <= set(labels[index]) <= {CLUTTER, 0, 1}


@pytest.mark.parametrize("count", [0, 1, 4])
def test_nothing_to_follow(count):
    images = [components(np.zeros((0, 3), np.float32), SEGMENT)] * count
    people = follow(images, np.arange(count) / RATE_HZ, SEGMENT.voxel_m, CONFIG)
    assert [len(each) for each in people.labels] == [0] * count
    assert (people.players, people.reasons) == (0, ())


def test_back_in_time_is_the_same_followed(scenes):
    """Played backwards the take has the same players."""
    lean = [0, 0.1, 0.2, 0.2, 0.1, 0]
    views = [
        standing(scenes, [scenes.person(2.4, 0.42 - d), scenes.person(2.4, -0.42 + d)])
        for d in lean
    ]
    check_identity(views[::-1], followed(views[::-1]), [0, 1], share=0.9)
    again, once = followed(views), followed(views)
    for first, second in zip(again, once, strict=True):
        np.testing.assert_array_equal(first, second)
