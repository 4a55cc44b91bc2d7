"""Responses of rooms: against geometry, against pyroomacoustics, and against statistics."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

from auralize.hrtf.head import read_hrtf
from auralize.hrtf.interpolation import HrtfInterpolator
from auralize.rooms.receivers import Ears, Harmonics
from auralize.rooms.response import RoomResponses
from auralize.sources.heard_source import HeardSource
from scenes import Scene

RATE = 48_000
SPEED = 343.2
SIZE = (7.1, 5.3, 3.2)


@pytest.fixture(scope="module")
def interpolator():
    return HrtfInterpolator(read_hrtf().resampled(RATE))


@pytest.fixture
def heard(tmp_path):
    """Make the sources of a scene, as a renderer has them."""
    soundfile.write(tmp_path / "a.wav", np.zeros(10), RATE)

    def sources(scene):
        return [
            HeardSource(scene, source, soundfile.SoundFile(tmp_path / "a.wav"))
            for source in scene.sources
        ]

    return sources


def scene(room, *, source=None, **fields):
    return Scene.model_validate(
        {
            "sample_rate_hz": RATE,
            "sources": [
                {"name": "a", "file": "a.wav", "position_m": (1.5, 1.2, 1.4)} | (source or {})
            ],
            "listener": {"position_m": (-1.1, -0.7, 1.6)},
            "room": {"size_m": SIZE} | room,
        }
        | fields
    )


def only(wall, **surface):
    """A room of which one wall reflects."""
    return {"surfaces": {wall: surface or {"absorption": 0.0, "scattering": 0.0}, "others": "open"}}


def delayed(samples, delay, length):
    bins = np.fft.rfftfreq(length)
    return np.fft.irfft(np.fft.rfft(samples, length) * np.exp(-2j * np.pi * bins * delay), length)


def below(samples, hz):
    spectrum = np.fft.rfft(samples, axis=-1)
    spectrum[..., np.fft.rfftfreq(samples.shape[-1], 1 / RATE) > hz] = 0
    return np.fft.irfft(spectrum, samples.shape[-1], axis=-1)


def decay_time_s(response, band_hz):
    """T30 by backward integration, through an octave filter that runs backwards (ISO 3382-1)."""
    edges = [band_hz / np.sqrt(2), band_hz * np.sqrt(2)]
    octave = butter(6, edges, "bandpass", fs=RATE, output="sos")
    heard = sosfilt(octave, np.pad(response, (RATE // 10, 0))[::-1])[::-1][RATE // 10 :]
    left = np.cumsum(heard[::-1] ** 2)[::-1]
    level_db = 10 * np.log10(left / left[0] + 1e-20)
    start, stop = np.argmax(level_db < -5), np.argmax(level_db < -35)
    return -60 / np.polyfit(np.arange(start, stop) / RATE, level_db[start:stop], 1)[0]


def test_one_reflection_is_the_head_s_response_to_the_image(interpolator, heard):
    floor = scene(only("floor") | {"image_order": 1})
    (source,) = heard(floor)
    response = RoomResponses(floor, Ears(interpolator), moving=False).early(source, 0.0)
    ears = np.array([-1.1, -0.7, 1.6])
    image = np.array([1.5, 1.2, -1.4]) - ears
    straight, way = np.linalg.norm([2.6, 1.9, -0.2]), np.linalg.norm(image)
    (delays,), (direct,) = interpolator.aligned(image[None] / way)
    delays = delays - interpolator.early_samples + (way - straight) / SPEED * RATE
    expected = np.stack(
        [
            delayed(ear / way, delay, response.shape[1])
            for ear, delay in zip(direct, delays, strict=True)
        ]
    )
    # Sound fades out above 20 kHz, where it would ring between samples.
    error = below(response - expected, 18_000)
    assert np.abs(error).max() < 1e-4 * np.abs(expected).max()


def test_walls_colour_a_reflection_by_their_bands(heard):
    absorption = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    left = scene(only("left", absorption=absorption, scattering=0.1) | {"image_order": 1})
    (source,) = heard(left)
    responses = RoomResponses(left, Harmonics(0, RATE), moving=False)
    spectrum = np.abs(np.fft.rfft(responses.early(source, 0.0)[0], 16 * RATE))
    way = np.linalg.norm([2.6, SIZE[1] - 1.2 + 0.7, -0.2])
    for band, share in enumerate(absorption):
        expected_db = 10 * np.log10((1 - share) * 0.9) - 20 * np.log10(way)
        heard_db = 20 * np.log10(spectrum[16 * 125 * 2**band])
        assert heard_db == pytest.approx(expected_db, abs=0.1)


def test_early_part_is_that_of_pyroomacoustics(heard):
    """One channel, grey walls, six reflections: the same sum by another implementation."""
    pra = pytest.importorskip("pyroomacoustics")
    box = scene({"surfaces": {"absorption": 0.3, "scattering": 0.0}, "image_order": 6})
    (source,) = heard(box)
    early = RoomResponses(box, Harmonics(0, RATE), moving=False).early(source, 0.0)[0]
    constants = pra.constants
    kept = {name: constants.get(name) for name in ("rir_hpf_enable", "frac_delay_length", "c")}
    try:
        constants.set("rir_hpf_enable", False)
        constants.set("frac_delay_length", 81)
        constants.set("c", SPEED)
        room = pra.ShoeBox(SIZE, fs=RATE, materials=pra.Material(0.3), max_order=6)
        corner = np.array([SIZE[0] / 2, SIZE[1] / 2, 0])
        room.add_source(np.array([1.5, 1.2, 1.4]) + corner)
        room.add_microphone(np.array([-1.1, -0.7, 1.6]) + corner)
        room.compute_rir()
    finally:
        for name, value in kept.items():
            constants.set(name, value)
    length = 2**15
    straight = np.linalg.norm([2.6, 1.9, -0.2])
    theirs = delayed(room.rir[0][0], -40 - straight / SPEED * RATE, length)
    ours = np.pad(early, (0, length - len(early)))
    ours[0] += 1 / straight
    error = below(ours - theirs, 18_000)
    assert np.sum(error**2) < 1e-4 * np.sum(theirs**2)


def test_turning_the_world_changes_nothing(interpolator, heard):
    room = {"surfaces": {"floor": "carpet", "left": "brick", "others": "plaster"}}
    source = {"directivity": "violin", "yaw_deg": 100.0}
    still = scene(room | {"image_order": 3}, source=source)
    yaw = np.radians(50.0)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    shift = np.array([3.0, -2.0, 0.7])
    turned = scene(
        room | {"image_order": 3, "yaw_deg": 50.0, "floor_center_m": tuple(shift)},
        source=source | {"position_m": turn @ [1.5, 1.2, 1.4] + shift, "yaw_deg": 150.0},
        listener={"position_m": turn @ [-1.1, -0.7, 1.6] + shift, "yaw_deg": 50.0},
    )
    first, second = (
        RoomResponses(each, Ears(interpolator), moving=False).early(heard(each)[0], 0.0)
        for each in (still, turned)
    )
    np.testing.assert_allclose(first, second, atol=1e-4 * np.abs(first).max())


@pytest.mark.parametrize(("yaw_deg", "factor"), [(0.0, 1.0), (180.0, -1.0), (90.0, 0.0)])
def test_a_reflection_leaves_the_source_where_its_way_does(heard, yaw_deg, factor):
    """A figure of eight on the way to the front wall and back, heard behind the source."""
    source = {"directivity": "figure_eight", "yaw_deg": yaw_deg, "position_m": (1, 0, 1.6)}
    box = scene(
        only("front") | {"image_order": 1}, source=source, listener={"position_m": (-1, 0, 1.6)}
    )
    early = RoomResponses(box, Harmonics(1, RATE), moving=False).early(heard(box)[0], 0.0)
    way = 2 * (SIZE[0] / 2) - 1 + 1
    peak = early[0, np.argmax(np.abs(early[0]))]
    frequencies = np.fft.rfft(early[0])
    assert np.real(frequencies[0]) == pytest.approx(factor / way, abs=1e-4)
    assert np.sign(np.round(peak, 4)) == np.sign(factor)
    np.testing.assert_allclose(early[3], early[0], atol=1e-5)  # it comes from the front


def test_the_late_part_carries_on_the_energy_of_the_early_part(heard):
    """Few images and noise have the energy of many images: in steps of 20 ms, over places."""
    rng = np.random.default_rng(8)
    places = rng.uniform([-3, -2.2, 0.5], [3, 2.2, 2.7], (3, 3))
    sources = [{"name": str(i), "file": "a.wav", "position_m": p} for i, p in enumerate(places)]
    # In a box of hard mirrors the decay is nearly the exponential one that the late part has.
    walls = {"absorption": 0.08, "scattering": 0.0}
    octave = butter(3, [700, 1400], "bandpass", fs=RATE, output="sos")
    step, count = RATE // 50, 6

    def energies(order, *, late):
        box = scene({"surfaces": walls, "image_order": order}, sources=sources)
        responses = RoomResponses(box, Harmonics(0, RATE), moving=False)
        total = np.zeros(count)
        for source in heard(box):
            response = np.zeros(step * count)
            for part in (responses.early(source, 0.0), *([responses.late(source)] * late)):
                kept = part[0, : len(response)]
                response[: len(kept)] += kept
            total += np.sum(sosfilt(octave, response).reshape(count, step) ** 2, axis=1)
        return 10 * np.log10(total)

    few, many = energies(3, late=True), energies(16, late=False)
    assert np.abs(few - many)[1:].max() < 1.5
    assert np.abs(np.mean(few - many)) < 0.7


@pytest.mark.parametrize("order", [0, 4])
def test_a_diffuse_room_decays_as_eyring_says(heard, order):
    absorption = (0.3, 0.25, 0.2, 0.2, 0.25, 0.3, 0.35)
    room = {
        "size_m": (6.0, 7.0, 5.0),
        "surfaces": {"absorption": absorption, "scattering": 0.8},
        "image_order": order,
    }
    box = scene(room)
    (source,) = heard(box)
    responses = RoomResponses(box, Harmonics(0, RATE), moving=False)
    late, early = responses.late(source)[0], responses.early(source, 0.0)[0]
    late[: len(early)] += early[: len(late)]
    volume, surface = 210.0, 2 * (42 + 35 + 30)
    for band, share in enumerate(absorption):
        eyring = 24 * np.log(10) * volume / (SPEED * surface * -np.log(1 - share))
        assert decay_time_s(late, 125 * 2**band) == pytest.approx(eyring, rel=0.05)


def test_the_late_part_belongs_to_the_source_s_name(heard):
    sources = [
        {"name": name, "file": "a.wav", "position_m": (1.5, 1.2, 1.4)} for name in ("a", "b")
    ]
    both = scene({"rt60_s": 0.3}, sources=sources)
    responses = RoomResponses(both, Harmonics(0, RATE), moving=False)
    a, b = (responses.late(source) for source in heard(both))
    again = RoomResponses(both, Harmonics(0, RATE), moving=True).late(heard(both)[0])
    assert abs(np.corrcoef(a[0], b[0])[0, 1]) < 0.1
    # Another image order leaves another part of the same noise.
    assert np.corrcoef(a[0, RATE // 10 :], again[0, RATE // 10 :])[0, 1] > 0.999


def test_gain_and_reference_distance_scale_all_parts(heard):
    plain = scene({"rt60_s": 0.3})
    loud = scene({"rt60_s": 0.3}, source={"gain_db": 6.0, "reference_distance_m": 3.0})
    factor = 3 * 10 ** (6 / 20)
    for part in ("early", "late"):
        parts = []
        for each in (plain, loud):
            responses = RoomResponses(each, Harmonics(1, RATE), moving=False)
            arguments = (0.0,) if part == "early" else ()
            parts.append(getattr(responses, part)(heard(each)[0], *arguments))
        np.testing.assert_allclose(factor * parts[0], parts[1], rtol=1e-4, atol=1e-7)


def test_air_takes_from_reflections_and_reverberation(heard):
    quiet = scene({"rt60_s": 1.0})
    damp = scene({"surfaces": "plaster"}, medium={"air_absorption": True})
    dry = scene({"surfaces": "plaster"})

    def top(which, part):
        responses = RoomResponses(which, Harmonics(0, RATE), moving=False)
        source = heard(which)[0]
        samples = responses.early(source, 0.0) if part == "early" else responses.late(source)
        spectrum = np.abs(np.fft.rfft(samples[0])) ** 2
        frequencies = np.fft.rfftfreq(samples.shape[1], 1 / RATE)
        return np.sum(spectrum[(frequencies > 6000) & (frequencies < 11_000)])

    assert top(damp, "early") < 0.95 * top(dry, "early")
    assert top(damp, "late") < 0.5 * top(dry, "late")
    assert quiet.room.rt60_s == 1.0


def test_a_scene_without_a_room_is_refused():
    bare = scene({"rt60_s": 1.0}).model_copy(update={"room": None})
    with pytest.raises(ValueError, match="has no room"):
        RoomResponses(bare, Harmonics(0, RATE), moving=False)
