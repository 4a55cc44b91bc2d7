"""Voxels divided among people whose heads are known."""

import numpy as np

from capture.players.divide import CLUTTER, DivideConfig, divide
from capture.players.segment import SegmentConfig, components

VOXEL_M = 0.05
CONFIG = DivideConfig()


def block(low, high):
    """Points that fill a block, four in each voxel."""
    axes = [np.arange(a, b, 0.025) + 0.0125 for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def trunk(y):
    return block((2.0, y - 0.15, 0.1), (2.2, y + 0.15, 1.5))


def head(y):
    return (2.1, y, 1.5)


def labels_of(parts, heads):
    """The label of each point, part by part."""
    image = components(np.concatenate(parts).astype(np.float32), SegmentConfig())
    labels = divide(image, np.array(heads).reshape(-1, 3), VOXEL_M, CONFIG)
    points = np.append(labels, CLUTTER)[image.point_cells]
    return np.split(points, np.cumsum([len(part) for part in parts])[:-1])


def test_what_hangs_on_one_trunk_is_that_persons():
    arm = block((1.5, 0.0, 1.0), (2.0, 0.1, 1.1))
    for own in labels_of([trunk(0.0), arm], [head(0.0)]):
        assert (own == 0).all()


def test_a_bridge_is_divided_in_the_middle_of_the_way():
    """Two people, joined by a straight arm: each side goes to the nearer trunk."""
    bridge = block((2.05, -0.45, 1.1), (2.15, 0.45, 1.2))
    left, right, middle = labels_of([trunk(0.6), trunk(-0.6), bridge], [head(0.6), head(-0.6)])
    assert (left == 0).all()
    assert (right == 1).all()
    assert (middle[bridge[:, 1] > 0.06] == 0).all()
    assert (middle[bridge[:, 1] < -0.06] == 1).all()


def test_the_way_counts_and_not_the_distance():
    """An arm reaches before the neighbour, and hangs together with the neighbour's foot only."""
    arm = block((1.75, -0.35, 1.1), (1.85, 0.5, 1.2))
    shoulder = block((1.85, 0.4, 1.1), (2.0, 0.5, 1.2))
    down = block((1.75, -0.35, 0.3), (1.85, -0.3, 1.1))
    foot = block((1.85, -0.35, 0.3), (2.0, -0.3, 0.35))
    parts = [trunk(0.5), trunk(-0.3), arm, shoulder, down, foot]
    assert components(np.concatenate(parts).astype(np.float32), SegmentConfig()).count == 1
    labels = labels_of(parts, [head(0.5), head(-0.3)])
    assert (labels[2] == 0).all()
    assert (labels[5] == 1).all()


def test_a_narrow_bridge_is_cut_though_the_way_across_it_is_shorter():
    """A board as large as a bass, held at one end; the neighbour's knee touches the other."""
    hand = block((1.9, 0.55, 1.0), (2.0, 0.75, 1.2))
    board = block((1.8, 0.0, 0.2), (1.9, 0.8, 1.2))
    knee = block((1.9, -0.15, 0.6), (2.0, 0.05, 0.65))
    parts = [trunk(0.6), trunk(-0.3), hand, board, knee]
    assert components(np.concatenate(parts).astype(np.float32), SegmentConfig()).count == 1
    _, neighbour, _, held, _ = labels_of(parts, [head(0.6), head(-0.3)])
    assert (neighbour == 1).all()
    assert np.mean(held == 0) > 0.99


def test_loose_pieces_join_where_they_belong():
    bow = block((1.75, 0.0, 1.0), (1.85, 0.05, 1.05))
    far = block((1.2, 0.0, 1.0), (1.3, 0.05, 1.05))
    below = block((2.0, 0.25, 0.1), (2.2, 0.3, 0.5))
    chair = block((2.0, 0.9, 0.1), (2.4, 1.3, 0.5))
    parts = [trunk(0.0), bow, far, below, chair]
    body, bow_, far_, below_, chair_ = labels_of(parts, [head(0.0)])
    assert (body == 0).all()
    assert (bow_ == 0).all()
    assert (below_ == 0).all()
    assert (far_ == CLUTTER).all()
    assert (chair_ == CLUTTER).all()


def test_nobody_there_is_all_clutter():
    (labels,) = labels_of([trunk(0.0)], [])
    assert (labels == CLUTTER).all()
