"""The room: arrival times, levels, decay, exact sums; and where the microphones are."""

import numpy as np
import pytest
from scipy import signal

from capture.axes import world_from_camera_axes
from capture.microphones import AZURE_KINECT, MicrophoneGeometry, microphone_positions
from capture.pose import Pose, quaternion_from_rotation_matrix
from capture.simulate.room import record_in_room
from capture.simulate.room_response import decay_time
from capture.waveform import Waveform

RATE = 48000
SOURCES = np.array([[2.0, 1.2, 1.25], [2.6, 0.2, 1.1], [3.4, -0.9, 0.9]])
BOUNDS = np.array([[-1.7, -2.9, 0.0], [4.6, 2.4, 3.1]])


def level_camera(height_m=1.0, pitch_rad=0.0):
    """A camera at `height_m` that looks along +x and `pitch_rad` down."""
    sine, cosine = np.sin(pitch_rad), np.cos(pitch_rad)
    down = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    rotation = down @ world_from_camera_axes(np.eye(3)).T
    return Pose(
        position_m=np.array([0, 0, height_m]),
        orientation_wxyz=quaternion_from_rotation_matrix(rotation),
    )


MICROPHONES = microphone_positions(level_camera())


def sounds(seconds=1.0, count=3, seed=0):
    """Noise bursts of different colors and levels."""
    rng = np.random.default_rng(seed)
    parts = []
    for index in range(count):
        noise = rng.standard_normal(round(seconds * RATE))
        noise = signal.sosfilt(signal.butter(1, 3000 * (index + 1), fs=RATE, output="sos"), noise)
        noise[len(noise) // 2 :] = 0
        parts.append(
            Waveform(
                samples=0.05 * 4.0**index * noise[None].astype(np.float32), sample_rate_hz=RATE
            )
        )
    return parts


@pytest.fixture(scope="module")
def parts():
    return sounds()


@pytest.fixture(scope="module")
def recording(parts):
    return record_in_room(parts, SOURCES, MICROPHONES, seed=5, rt60_s=0.35, bounds_m=BOUNDS)


def direct_sound(response, distance_m):
    """The response around the direct sound, and the index of its first sample."""
    at = round(distance_m / 343 * RATE)
    # The next arrival comes more than 60 samples later at all of these positions.
    return response[at - 30 : at + 31].astype(np.float64), at - 30


def arrival(response, distance_m):
    """Time (samples, with fraction) and amplitude of the direct sound, from 1 to 15 kHz."""
    direct, first = direct_sound(response, distance_m)
    spectrum = np.fft.rfft(direct, 1024)
    frequencies = np.arange(len(spectrum)) / 1024
    used = slice(20, 320)
    phase = np.unwrap(np.angle(spectrum))[used]
    delay = -np.polyfit(frequencies[used], phase, 1)[0] / (2 * np.pi)
    return first + delay, np.abs(spectrum[used]).mean()


def test_the_direct_sound_comes_when_and_as_loud_as_it_must(recording):
    for source, responses in zip(SOURCES, recording.impulse_responses, strict=True):
        for microphone, response in zip(MICROPHONES, responses, strict=True):
            distance = np.linalg.norm(source - microphone)
            time, amplitude = arrival(response, distance)
            assert time == pytest.approx(distance / 343 * RATE, abs=0.02)
            assert amplitude == pytest.approx(1 / distance, rel=0.01)
            # Nothing sounds before it.
            assert np.abs(response[: round(time) - 45]).max() < 1e-4


def test_time_and_level_differences_between_microphones_and_distances(recording):
    source = SOURCES[0]
    distances = np.linalg.norm(source - MICROPHONES, axis=1)
    responses = recording.impulse_responses[0]
    for one, two in ((1, 4), (2, 5), (0, 3)):
        times = [arrival(responses[i], distances[i])[0] for i in (one, two)]
        assert (times[1] - times[0]) / RATE == pytest.approx(
            (distances[two] - distances[one]) / 343, abs=0.5e-6
        )
    near, far = (np.linalg.norm(SOURCES[i] - MICROPHONES[0]) for i in (0, 2))
    levels = [arrival(recording.impulse_responses[i, 0], d)[1] for i, d in ((0, near), (2, far))]
    assert 20 * np.log10(levels[0] / levels[1]) == pytest.approx(20 * np.log10(far / near), abs=0.1)


def test_the_floor_reflects_where_it_is(recording):
    source, microphone = SOURCES[0], MICROPHONES[0]
    mirrored = source * [1, 1, -1]
    distance = np.linalg.norm(mirrored - microphone)
    response = recording.impulse_responses[0, 0].astype(np.float64)
    at = round(distance / 343 * RATE)
    reflected = np.sqrt(1 - recording.absorption[4])
    # Only the low frequencies, which the treble damping leaves as the walls give them.
    smooth = signal.firwin(31, 4000, fs=RATE)
    heard = np.convolve(response, smooth, mode="same")[at - 3 : at + 4].max()
    assert heard == pytest.approx(reflected / distance * smooth.max(), rel=0.15)


@pytest.mark.parametrize("rt60_s", [0.25, 0.5])
def test_the_level_decays_in_the_time_asked_for(rt60_s):
    quiet = Waveform(samples=np.zeros((1, 480), np.float32), sample_rate_hz=RATE)
    made = record_in_room([quiet] * 3, SOURCES, MICROPHONES[:1], seed=2, rt60_s=rt60_s)
    responses = made.impulse_responses
    assert made.rt60_s == rt60_s
    assert decay_time(responses, RATE, band_hz=(710, 1420)) == pytest.approx(rt60_s, rel=0.12)
    treble = decay_time(responses, RATE, band_hz=(5700, 11400))
    assert 0.5 * rt60_s < treble < 0.85 * rt60_s


def test_decay_time_of_a_known_decay():
    rng = np.random.default_rng(0)
    times = np.arange(RATE) / RATE
    for seconds in (0.2, 0.6):
        decay = rng.standard_normal(RATE) * 10 ** (-3 * times / seconds)
        assert decay_time(decay, RATE) == pytest.approx(seconds, rel=0.05)
    with pytest.raises(ValueError, match="longer"):
        decay_time(decay[: RATE // 20], RATE)
    with pytest.raises(ValueError, match="silent"):
        decay_time(0 * decay, RATE)


def test_the_recording_is_the_sum_of_its_images_and_the_noise(recording):
    total = recording.images[0].copy()
    for image in recording.images[1:]:
        total += image
    np.testing.assert_array_equal(total + recording.noise, recording.audio.samples)
    peak_db = 20 * np.log10(np.abs(total).max())
    assert peak_db == pytest.approx(-6, abs=0.001)
    levels = 10 * np.log10(np.mean(np.square(recording.noise, dtype=np.float64), axis=1))
    np.testing.assert_allclose(levels, -86, atol=0.2)
    assert np.abs(np.corrcoef(recording.noise) - np.eye(7)).max() < 0.03


def test_images_are_the_parts_through_their_responses(recording, parts):
    for player, channel in ((0, 0), (1, 3), (2, 6)):
        expected = recording.gains[player] * signal.oaconvolve(
            parts[player].samples[0].astype(np.float64),
            recording.impulse_responses[player, channel].astype(np.float64),
        )
        image = recording.images[player, channel]
        assert image.shape == (RATE,)
        np.testing.assert_allclose(image, expected[:RATE], atol=2e-6)


def test_players_are_balanced_at_the_centre_and_the_seed_decides_how(parts):
    balances = []
    for seed in (0, 1, 2):
        made = record_in_room(parts, SOURCES, MICROPHONES[:1], seed=seed, rt60_s=0.25)
        rms_db = 10 * np.log10(np.mean(np.square(made.images[:, 0], dtype=np.float64), axis=1))
        assert np.ptp(rms_db) <= 7.0
        balances.append(rms_db - rms_db.mean())
        again = record_in_room(parts, SOURCES, MICROPHONES[:1], seed=seed, rt60_s=0.25)
        np.testing.assert_array_equal(made.audio.samples, again.audio.samples)
    assert np.ptp(balances, axis=0).max() > 1


def test_the_drawn_room_holds_everybody():
    for seed in range(3):
        made = record_in_room(sounds(0.05), SOURCES, MICROPHONES[:1], seed=seed)
        everybody = np.concatenate([SOURCES, MICROPHONES])
        assert (everybody > made.bounds_m[0]).all()
        assert (everybody < made.bounds_m[1]).all()
        assert made.bounds_m[0, 2] == 0
        assert 0.25 <= made.rt60_s <= 0.5
        assert ((made.absorption > 0) & (made.absorption < 1)).all()


def test_silent_players_stay_silent_and_progress_ends():
    quiet = Waveform(samples=np.zeros((1, 4800), np.float32), sample_rate_hz=RATE)
    seen = []
    made = record_in_room(
        [*sounds(0.1, 1), quiet], SOURCES[:2], MICROPHONES[:2], seed=0, progress=seen.append
    )
    assert not made.images[1].any()
    assert np.isfinite(made.audio.samples).all()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rt60_s": 9.0}, "rt60_s"),
        ({"sources": SOURCES[:2]}, r"\(3, 3\)"),
        ({"sources": SOURCES * [1, 1, np.nan]}, "finite"),
        ({"sources": SOURCES * [1, 1, 0]}, "above the floor"),
        ({"sources": np.vstack([SOURCES[:2], MICROPHONES[0] + 0.05])}, "from a microphone"),
        ({"bounds_m": BOUNDS * 0.5}, "inside the room"),
        ({"center_channel": 7}, "center_channel"),
        (
            {"parts": [Waveform(samples=np.ones((1, 9), np.float32), sample_rate_hz=8000)] * 3},
            "16000",
        ),
        ({"parts": [*sounds(0.1, 2), *sounds(0.2, 1)]}, "one rate and length"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"parts": sounds(0.05), "sources": SOURCES, "rt60_s": 0.3} | change
    given = arguments.pop("parts"), arguments.pop("sources")
    with pytest.raises(ValueError, match=message):
        record_in_room(*given, MICROPHONES, seed=0, **arguments)


def test_microphones_form_a_ring_around_the_middle():
    positions = microphone_positions(level_camera(1.2))
    assert positions.shape == (7, 3)
    np.testing.assert_allclose(
        positions[0], np.array([0, 0, 1.2]) + AZURE_KINECT.offset_m, atol=1e-12
    )
    ring = positions[1:] - positions[0]
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 0.04)
    np.testing.assert_allclose(ring[:, 2], 0, atol=1e-12)
    np.testing.assert_allclose(ring[0], [0.04, 0, 0], atol=1e-12)  # channel 1 to the front
    azimuths = np.unwrap(np.arctan2(ring[:, 1], ring[:, 0]))
    np.testing.assert_allclose(np.diff(azimuths), np.pi / 3)  # then to the left


def test_microphones_tilt_with_the_camera_and_follow_their_geometry():
    geometry = MicrophoneGeometry(radius_m=0.03, rotation_rad=np.pi / 2, offset_m=(0.0, 0.01, 0.02))
    tilted = microphone_positions(level_camera(1.0, np.pi / 6), geometry)
    np.testing.assert_allclose(
        tilted[0], [0.02 * np.sin(np.pi / 6), 0.01, 1 + 0.02 * np.cos(np.pi / 6)], atol=1e-12
    )
    np.testing.assert_allclose(tilted[1] - tilted[0], [0, 0.03, 0], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(tilted[1:] - tilted[0], axis=1), 0.03, atol=1e-12)
    assert np.ptp(tilted[1:, 2]) > 0.02  # the ring leans with the device


@pytest.mark.parametrize(
    "fields",
    [{"radius_m": 0.0}, {"ring_count": -1}, {"offset_m": (0.0, 0.0)}, {"rotation_rad": np.inf}],
)
def test_bad_geometry_is_named(fields):
    with pytest.raises(ValueError, match="must be"):
        MicrophoneGeometry(**fields)
