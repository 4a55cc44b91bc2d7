"""People and things: who moves, and what stands still among other things."""

import numpy as np
import pytest

from capture.players.head_paths import HeadPath, LinkConfig
from capture.players.heads import HeadConfig
from capture.players.persons import PersonConfig, find_people_in, is_thing
from capture.players.segment import SegmentConfig, components
from capture.players.view import View

SEGMENT = SegmentConfig()
CONFIG = PersonConfig()
HEAD_M = np.array([2.42, 0.0, 1.75])


def watched(scenes, sway_m, beside, count=10):
    """Images of a ball on a post, with boards beside it or without, and the path of its top."""
    body = [
        scenes.ball([2.42, 0.0, 1.63], 0.12),
        scenes.tube([2.42, 0.0, 0.1], [2.42, 0.0, 1.5], 0.2),
    ]
    boards = [scenes.box([2.3, y, 1.45], [2.4, y + 0.2, 1.75]) for y in (-0.35, 0.15)]
    images = []
    for k in range(count):
        moved = [part + np.array([0, sway_m * np.sin(1.7 * k), 0]) for part in body]
        view = scenes.see([*moved, *boards] if beside else moved)
        images.append(components(view.points_m, SEGMENT))
    path = HeadPath(0, 0.0, HEAD_M, 0.05)
    for k in range(1, count):
        path.add(k, k / 5.0, HEAD_M, LinkConfig())
    return images, path


@pytest.mark.parametrize(
    ("sway_m", "beside", "count", "thing"),
    [
        (0.0, True, 10, True),
        (0.03, True, 10, False),  # it moves
        (0.0, False, 10, False),  # nothing is beside it: somebody who sits very still
        (0.0, True, 4, False),  # too short to tell
    ],
)
def test_what_stands_still_among_things_is_one(scenes, sway_m, beside, count, thing):
    images, path = watched(scenes, sway_m, beside, count)
    assert is_thing(path, images, SEGMENT.voxel_m, CONFIG) == thing


def test_a_body_without_a_head_is_somebody_only_at_the_edge_of_the_view(scenes):
    """A broad body up to 1.35 m, where the view ends; or not."""
    body = scenes.tube([2.0, 0.0, 0.1], [2.0, 0.0, 1.35], 0.3)
    image = components(scenes.see([body]).points_m, SEGMENT)
    nothing = np.zeros((0, 3))
    config = PersonConfig(head=HeadConfig(least_area_m2=1.0))  # nothing is like a head
    # Directions from 1.3 m: 1.35 m at 2 m is 0.025 up.
    narrow = View(edges=np.array([[0.0, 1.0, -0.03], [0.0, -1.0, -0.7], [1, 0, -1], [-1, 0, -1.0]]))
    wide = View(edges=np.array([[0.0, 1.0, -0.5], [0.0, -1.0, -0.7], [1, 0, -1], [-1, 0, -1.0]]))
    found = find_people_in(image, SEGMENT.voxel_m, config, narrow, nothing)
    assert found.shape == (1, 3)
    np.testing.assert_allclose(found[0, :2], [1.8, 0.0], atol=0.1)
    assert len(find_people_in(image, SEGMENT.voxel_m, config, wide, nothing)) == 0
    assert len(find_people_in(image, SEGMENT.voxel_m, config, None, nothing)) == 0


def test_a_head_is_not_found_where_a_thing_is_known_to_be(scenes):
    image = components(scenes.see([scenes.person(2.4, 0.0)]).points_m, SEGMENT)
    (head,) = find_people_in(image, SEGMENT.voxel_m, CONFIG, None, np.zeros((0, 3)))
    assert len(find_people_in(image, SEGMENT.voxel_m, CONFIG, None, head[None])) == 0
    elsewhere = head[None] + [0.0, 0.6, 0.0]
    np.testing.assert_array_equal(
        find_people_in(image, SEGMENT.voxel_m, CONFIG, None, elsewhere), [head]
    )
