"""Point clouds out of PCD and NPZ files, and takes that are folders of them."""

import struct

import numpy as np
import pytest
import soundfile

from capture.errors import DataError, FileFormatError
from capture.point_cloud import PointCloud, write_ply
from capture.take import open_take
from capture.take.cloud_files import read_cloud

POINTS = np.array([[0.5, -1.25, 2.0], [1.0, 0.0, 3.5], [-0.25, 0.75, 1.125]], np.float32)
COLORS = np.array([[255, 0, 7], [1, 2, 3], [128, 64, 32]], np.uint8)
PACKED = (COLORS.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(axis=1, dtype=np.uint32)


def header(data, *, points=3, fields="x y z rgb", sizes="4 4 4 4", types="F F F U"):
    return (
        f"# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {fields}\nSIZE {sizes}\n"
        f"TYPE {types}\nCOUNT 1 1 1 1\nWIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {points}\nDATA {data}\n"
    ).encode()


def rows():
    return b"".join(
        struct.pack("<3fI", *point, color)
        for point, color in zip(POINTS.tolist(), PACKED.tolist(), strict=True)
    )


def planes():
    return POINTS.T.tobytes() + PACKED.tobytes()


def literals(plain):
    """LZF without a single reference."""
    pieces = [plain[at : at + 32] for at in range(0, len(plain), 32)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


def pcd(kind):
    if kind == "ascii":
        lines = [
            f"{x} {y} {z} {c}"
            for (x, y, z), c in zip(POINTS.tolist(), PACKED.tolist(), strict=True)
        ]
        return header("ascii") + "\n".join(lines).encode()
    if kind == "binary":
        return header("binary") + rows()
    compressed = literals(planes())
    return header("binary_compressed") + struct.pack("<II", len(compressed), 48) + compressed


@pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])
def test_pcd_files_of_every_kind(tmp_path, kind):
    (tmp_path / "a.pcd").write_bytes(pcd(kind))
    cloud = read_cloud(tmp_path / "a.pcd")
    np.testing.assert_array_equal(cloud.positions_m, POINTS)
    np.testing.assert_array_equal(cloud.colors, COLORS)


def test_references_in_compressed_pcd_files(tmp_path):
    """One literal byte and a reference to it that runs into what it writes."""
    points = np.zeros((3, 3), np.float32)
    packed = bytes([0, 0, 7 << 5, 38, 0])  # 1 literal + (7 + 38 + 2) bytes: 48 in all
    content = header("binary_compressed") + struct.pack("<II", len(packed), 48) + packed
    (tmp_path / "a.pcd").write_bytes(content)
    cloud = read_cloud(tmp_path / "a.pcd")
    np.testing.assert_array_equal(cloud.positions_m, points)
    assert not cloud.colors.any()


def test_points_that_were_not_measured_are_dropped(tmp_path):
    content = header("ascii") + b"1 2 3 0\nnan nan nan 0\n4 5 6 255\n"
    (tmp_path / "a.pcd").write_bytes(content)
    cloud = read_cloud(tmp_path / "a.pcd")
    np.testing.assert_array_equal(cloud.positions_m, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(cloud.colors, [[0, 0, 0], [0, 0, 255]])


@pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])
def test_a_pcd_file_that_is_cut_off_says_so(tmp_path, kind):
    whole = pcd(kind)
    for length in range(0, len(whole) - 8, 7):
        (tmp_path / "a.pcd").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match="not readable as PCD"):
            read_cloud(tmp_path / "a.pcd")


def test_npz_files(tmp_path):
    np.savez(tmp_path / "a.npz", points=POINTS.astype(np.float64), colors=COLORS / 255)
    cloud = read_cloud(tmp_path / "a.npz")
    np.testing.assert_array_equal(cloud.positions_m, POINTS)
    np.testing.assert_array_equal(cloud.colors, COLORS)
    image = np.zeros((2, 2, 3), np.float32)
    image[0, 1] = POINTS[0]
    np.savez_compressed(tmp_path / "b.npz", xyz=image)
    np.testing.assert_array_equal(read_cloud(tmp_path / "b.npz").positions_m, POINTS[:1])
    np.savez(tmp_path / "c.npz", depth=POINTS)
    np.savez(tmp_path / "d.npz", points=POINTS, colors=COLORS[:2])
    (tmp_path / "e.npz").write_bytes(b"PK\x03\x04 no archive")
    for name in ("c", "d", "e"):
        with pytest.raises(FileFormatError, match=f"{name}.npz"):
            read_cloud(tmp_path / f"{name}.npz")
    np.savez(tmp_path / "f.npz", points=np.where(POINTS > 3, np.nan, POINTS))
    with pytest.raises(DataError, match="not finite"):
        read_cloud(tmp_path / "f.npz")


@pytest.mark.parametrize("suffix", [".pcd", ".npz", ".ply"])
def test_a_folder_of_clouds_is_a_take(tmp_path, suffix):
    for index in range(3):
        path = tmp_path / f"{index}{suffix}"
        if suffix == ".pcd":
            path.write_bytes(pcd("binary"))
        elif suffix == ".npz":
            np.savez(path, points=POINTS + index, colors=COLORS)
        else:
            write_ply(path, PointCloud(positions_m=POINTS, colors=COLORS))
    with open_take(tmp_path, rate_hz=10) as take:
        np.testing.assert_allclose(take.times_s, [0, 0.1, 0.2])
        cloud = take.camera_point_cloud(2)
        np.testing.assert_array_equal(cloud.positions_m, POINTS + 2 * (suffix == ".npz"))
        np.testing.assert_array_equal(cloud.colors, COLORS)


def test_a_folder_of_several_kinds_says_so(tmp_path):
    (tmp_path / "a.pcd").write_bytes(pcd("binary"))
    np.savez(tmp_path / "b.npz", points=POINTS)
    with pytest.raises(FileFormatError, match=r"several kinds \(\.npz, \.pcd\)"):
        open_take(tmp_path, rate_hz=10)


def test_the_layout_of_the_published_3d_musicians(tmp_path):
    person = tmp_path / "data" / "frames" / "cello" / "person_2"
    person.mkdir(parents=True)
    for index in range(12):
        write_ply(person / f"{index:05}.ply", PointCloud(positions_m=POINTS + index))
    sounds = tmp_path / "data" / "audio" / "cello"
    sounds.mkdir(parents=True)
    soundfile.write(sounds / "video.wav", np.zeros((8000, 1)), 8000)
    with open_take(person, audio=sounds / "video.wav", rate_hz=12) as take:
        assert take.name == "cello person_2"
        assert take.duration_s == 1.0
        np.testing.assert_allclose(take.times_s, np.arange(12) / 12)
        np.testing.assert_array_equal(take.camera_point_cloud(11).positions_m, POINTS + 11)
