"""Where stems sound from: known sounds from known directions at a known array."""

from dataclasses import replace

import numpy as np
import pytest

from capture.microphones import microphone_positions
from capture.performer import Performer
from capture.pose import Pose, Trajectory
from capture.simulate.kinect import camera_pose
from capture.waveform import Waveform
from separation.bearing import SPEED_OF_SOUND_M_S, judge, with_bearings
from separation.stem import Manifest, Separation, Stem, read_separation, write_separation

RATE = 48000
SECONDS = 2.0
AZIMUTHS_DEG = (30.0, 10.0, -20.0)


def performer(name, azimuth_deg):
    azimuth = np.radians(azimuth_deg)
    position = np.array([[2.5 * np.cos(azimuth), 2.5 * np.sin(azimuth), 1.0]])
    return Performer(
        name=name,
        trajectory=Trajectory(
            times_s=np.zeros(1),
            positions_m=position,
            orientations_wxyz=np.array([[1.0, 0.0, 0.0, 0.0]]),
        ),
        cloud_times_s=np.zeros(0),
        clouds=(),
    )


def at_array(sound, source_m, microphones_m):
    """A point source in the open: each microphone hears it late by the distance."""
    spectrum = np.fft.rfft(sound)
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    distances = np.linalg.norm(microphones_m - source_m, axis=1)
    delays = (distances - distances.min()) / SPEED_OF_SOUND_M_S
    shifted = spectrum * np.exp(-2j * np.pi * frequencies * delays[:, None])
    return np.fft.irfft(shifted, len(sound)).astype(np.float32)


@pytest.fixture(scope="module")
def recording():
    """Three noises with rhythms and bands of their own, seven microphones, some hiss."""
    rng = np.random.default_rng(0)
    players = [performer(f"performer-{n + 1}", a) for n, a in enumerate(AZIMUTHS_DEG)]
    microphones = microphone_positions(camera_pose(1.0, 0.0))
    time = np.arange(int(SECONDS * RATE)) / RATE
    stems, total = [], 0.0
    for number, player in enumerate(players):
        noise = rng.normal(size=len(time)) * (np.sin(2 * np.pi * (2 + number) * time) > 0)
        images = at_array(noise, player.trajectory.positions_m[0], microphones)
        stems.append(images[0])
        total = total + images
    total = total + 0.01 * rng.normal(size=total.shape).astype(np.float32)
    return players, microphones, Waveform(samples=total, sample_rate_hz=RATE), stems


def separation(players, stems, shared=()):
    mono = [Waveform(samples=stem[None], sample_rate_hz=RATE) for stem in stems]
    names = [player.name for player in players]
    return Separation(
        stems=tuple(
            Stem(
                name=name,
                sound=sound,
                shared_with=tuple(o for o in shared if o != name) if name in shared else (),
            )
            for name, sound in zip(names, mono, strict=True)
        ),
        residual_sound=mono[0],
        manifest=Manifest(
            model="test",
            model_sha256="",
            sample_rate_hz=RATE,
            sample_count=len(stems[0]),
            extrapolated_above_hz=None,
            reconstruction_db=-100.0,
            residual_db=-20.0,
            config={},
        ),
    )


def test_right_stems_agree_and_their_bearings_are_right(recording):
    players, microphones, sound, stems = recording
    checked = with_bearings(separation(players, stems), sound, microphones, players)
    for stem, azimuth_deg in zip(checked.stems, AZIMUTHS_DEG, strict=True):
        assert stem.bearing.verdict == "agrees"
        assert stem.bearing.azimuth_deg == pytest.approx(azimuth_deg, abs=3.0)
        assert stem.bearing.expected_deg == pytest.approx(azimuth_deg, abs=1.0)
        assert stem.note == ""


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2), (1, 2)])
def test_swapped_stems_are_found(recording, first, second):
    players, microphones, sound, stems = recording
    exchanged = list(stems)
    exchanged[first], exchanged[second] = stems[second], stems[first]
    checked = with_bearings(separation(players, exchanged), sound, microphones, players)
    for row, other in ((first, second), (second, first)):
        stem = checked.stems[row]
        assert stem.bearing.verdict == "swapped"
        assert stem.bearing.partner == players[other].name
        assert players[other].name in stem.note
        assert stem.bearing.azimuth_deg == pytest.approx(AZIMUTHS_DEG[other], abs=3.0)
    (third,) = {0, 1, 2} - {first, second}
    assert checked.stems[third].bearing.verdict == "agrees"


def test_stems_that_share_a_mask_are_left_alone(recording):
    players, microphones, sound, stems = recording
    both = (stems[0] + stems[1]) / 2
    names = (players[0].name, players[1].name)
    before = separation(players, [both, both, stems[2]], shared=names)
    checked = with_bearings(before, sound, microphones, players)
    assert checked.stems[0] == before.stems[0]
    assert checked.stems[1] == before.stems[1]
    assert checked.stems[2].bearing.verdict == "agrees"


def test_dead_channels_do_not_count(recording):
    players, microphones, sound, stems = recording
    samples = sound.samples.copy()
    samples[[2, 5]] = 0.0
    checked = with_bearings(
        separation(players, stems), replace(sound, samples=samples), microphones, players
    )
    assert [stem.bearing.verdict for stem in checked.stems] == ["agrees"] * 3
    samples[2:] = 0.0  # two are left, which cannot tell front from back
    unchanged = with_bearings(
        separation(players, stems), replace(sound, samples=samples), microphones, players
    )
    assert all(stem.bearing is None for stem in unchanged.stems)


def test_turning_everything_turns_the_bearings(recording):
    players, microphones, sound, stems = recording
    turn = Pose(
        position_m=np.zeros(3),
        orientation_wxyz=np.array([np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4)]),
    )
    turned = [performer(p.name, a + 90.0) for p, a in zip(players, AZIMUTHS_DEG, strict=True)]
    checked = with_bearings(separation(players, stems), sound, turn.transform(microphones), turned)
    for stem, azimuth_deg in zip(checked.stems, AZIMUTHS_DEG, strict=True):
        assert stem.bearing.verdict == "agrees"
        assert stem.bearing.azimuth_deg == pytest.approx(azimuth_deg + 90.0, abs=3.0)


def test_verdicts_follow_from_fits():
    fits = np.array([[0.8, 0.5, 0.5], [0.5, 0.6, 0.9], [0.5, 0.9, 0.6]])
    assert judge(fits, 0.01) == [("agrees", None), ("swapped", 2), ("swapped", 1)]
    assert judge(fits, 0.7)[1] == ("unsure", 2)


def test_shapes_that_do_not_fit_are_refused(recording):
    players, microphones, sound, stems = recording
    with pytest.raises(ValueError, match="7 channels need as many places, not 6"):
        with_bearings(separation(players, stems), sound, microphones[:6], players)


def test_verdicts_come_back_from_the_folder(recording, tmp_path):
    players, microphones, sound, stems = recording
    checked = with_bearings(separation(players, stems), sound, microphones, players)
    write_separation(tmp_path / "stems", checked)
    again = read_separation(tmp_path / "stems")
    assert [stem.bearing for stem in again.stems] == [stem.bearing for stem in checked.stems]
