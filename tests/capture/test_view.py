"""Where the view ends, from points of a camera whose view is known."""

import numpy as np

from capture.players.view import EYE_M, find_view


def test_the_distance_from_the_edge_of_a_square_view():
    """Directions fill |u| < 0.7, |v| < 0.5, at any distance."""
    rng = np.random.default_rng(3)
    directions = rng.uniform([-0.7, -0.5], [0.7, 0.5], (40_000, 2))
    corners = [[a, b] for a in (-0.7, 0.7) for b in (-0.5, 0.5)]
    away = np.column_stack([np.ones(40_004), np.concatenate([directions, corners])])
    points = EYE_M + away * rng.uniform(0.5, 4.0, (len(away), 1))
    view = find_view([points, points])
    asked = np.array([[0.0, 0.0], [0.6, 0.0], [0.0, -0.45], [0.69, 0.2], [0.8, 0.0]])
    found = view.from_edge(EYE_M + 2.0 * np.column_stack([np.ones(5), asked]))
    np.testing.assert_allclose(found, [0.5, 0.1, 0.05, 0.01, -0.1], atol=0.005)


def test_too_little_to_know():
    assert find_view([np.zeros((0, 3))]) is None
    line = np.array([[1.0, 0.0, 1.3], [2.0, 0.0, 1.3], [3.0, 0.0, 1.3], [4.0, 0.0, 1.3]])
    assert find_view([line]) is None
