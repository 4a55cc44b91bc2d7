"""What is kept of many images comes back as it was."""

import numpy as np
import pytest

from capture.players import component_store
from capture.players.component_store import ComponentStore
from capture.players.segment import SegmentConfig, components


@pytest.mark.parametrize("in_memory_bytes", [2**20, 100])
def test_images_come_back(scenes, monkeypatch, in_memory_bytes):
    """From memory, and from a file."""
    monkeypatch.setattr(component_store, "_IN_MEMORY_BYTES", in_memory_bytes)
    config = SegmentConfig()
    clouds = [scenes.see([scenes.person(2.4, y)]).points_m for y in (0.5, -0.5)]
    images = [components(points, config) for points in (clouds[0], clouds[0][:0], clouds[1])]
    with ComponentStore() as store:
        for image in images:
            store.append(image)
        assert len(store) == 3
        for read, image in zip([store[2], *store[0:2]], [images[2], *images[:2]], strict=True):
            np.testing.assert_array_equal(read.cells, image.cells)
            np.testing.assert_array_equal(read.labels, image.labels)
            np.testing.assert_array_equal(read.point_counts, image.point_counts)
            assert read.count == image.count
            np.testing.assert_allclose(read.centroids_m, image.centroids_m, atol=1e-6)
        with pytest.raises(IndexError, match="image 3 of 3"):
            store[3]
