"""Where stems sound from: known sounds from known directions at a known array."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from capture.microphones import microphone_positions
from capture.performer import Performer
from capture.pose import Pose, Trajectory
from capture.simulate.kinect import camera_pose
from capture.waveform import Waveform
from separation.bearing import judge, with_bearings
from separation.directions import SPEED_OF_SOUND_M_S, Heard
from separation.stem import Manifest, Separation, Stem, StemBearing
from separation.stem_folder import read_separation, write_separation

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
    return players, microphones, total, stems


def heard_of(channels, parts):
    """What masks of these parts let hear: covariances of cells, each by its amplitude."""
    frequencies, _, seen = scipy.signal.stft(channels, RATE, nperseg=4096)
    powers = np.abs(scipy.signal.stft(np.array(parts), RATE, nperseg=4096)[2]) ** 2
    shares = powers / np.maximum(powers.sum(axis=0), 1e-20)
    weights = shares**4 / np.maximum(np.linalg.norm(seen, axis=0), 1e-20)
    covariances = np.einsum("pft,cft,dft->pfcd", weights, seen, seen.conj())
    return Heard(covariances=covariances, frequencies_hz=frequencies)


def stems_of(players, shared=()):
    silence = Waveform(samples=np.zeros((1, 9), np.float32), sample_rate_hz=RATE)
    return tuple(
        Stem(
            name=player.name,
            sound=silence,
            shared_with=tuple(o for o in shared if o != player.name)
            if player.name in shared
            else (),
        )
        for player in players
    )


def test_right_stems_agree_and_their_bearings_are_right(recording):
    players, microphones, channels, parts = recording
    checked = with_bearings(stems_of(players), heard_of(channels, parts), microphones, players)
    for stem, azimuth_deg in zip(checked, AZIMUTHS_DEG, strict=True):
        assert stem.bearing.verdict == "agrees"
        assert stem.bearing.azimuth_deg == pytest.approx(azimuth_deg, abs=3.0)
        assert stem.bearing.expected_deg == pytest.approx(azimuth_deg, abs=1.0)
        assert stem.note == ""


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2), (1, 2)])
def test_swapped_stems_are_found(recording, first, second):
    players, microphones, channels, parts = recording
    exchanged = list(parts)
    exchanged[first], exchanged[second] = parts[second], parts[first]
    checked = with_bearings(stems_of(players), heard_of(channels, exchanged), microphones, players)
    for row, other in ((first, second), (second, first)):
        stem = checked[row]
        assert stem.bearing.verdict == "swapped"
        assert stem.bearing.partner == players[other].name
        assert players[other].name in stem.note
        assert stem.bearing.azimuth_deg == pytest.approx(AZIMUTHS_DEG[other], abs=3.0)
    (third,) = {0, 1, 2} - {first, second}
    assert checked[third].bearing.verdict == "agrees"


def manifest(**changes):
    return Manifest(
        model="m", model_sha256="0", sample_rate_hz=RATE, sample_count=9,
        extrapolated_above_hz=None, reconstruction_db=-140.0, residual_db=-140.0, config={},
        **changes,
    )  # fmt: skip


def test_each_pair_that_is_swapped_or_unsure_is_named_once(recording):
    """Also where three exchanged places in a ring, and the third fits the first's partner."""
    players = recording[0]
    first, second, third = (player.name for player in players)
    said = [("swapped", second), ("swapped", first), ("unsure", first)]
    stems = tuple(
        replace(
            stem,
            bearing=StemBearing(azimuth_deg=0, expected_deg=0, verdict=verdict, partner=partner),
        )
        for stem, (verdict, partner) in zip(stems_of(players), said, strict=True)
    )
    separation = Separation(stems=stems, residual_sound=stems[0].sound, manifest=manifest())
    swapped, unsure = separation.notes
    assert f"the stems of {first} and {second} rather from each other's place" in swapped
    assert f"do not tell whether the stems of {third} and {first} are exchanged" in unsure
    right = replace(separation, stems=stems_of(players))
    assert right.notes == []
    turned = replace(right, manifest=manifest(directions="not used, because it is turned"))
    assert ["not used, because it is turned" in note for note in turned.notes] == [True]


def test_stems_that_share_a_mask_are_left_alone(recording):
    players, microphones, channels, parts = recording
    both = (parts[0] + parts[1]) / 2
    before = stems_of(players, shared=(players[0].name, players[1].name))
    heard = heard_of(channels, [both, both, parts[2]])
    checked = with_bearings(before, heard, microphones, players)
    assert checked[:2] == before[:2]
    assert checked[2].bearing.verdict == "agrees"


def test_few_microphones_and_silent_stems_do_not_count(recording):
    players, microphones, channels, parts = recording
    stems = stems_of(players)
    kept = [0, 1, 3, 4, 6]
    checked = with_bearings(stems, heard_of(channels[kept], parts), microphones[kept], players)
    assert [stem.bearing.verdict for stem in checked] == ["agrees"] * 3
    # Two microphones cannot tell front from back.
    assert with_bearings(stems, heard_of(channels[:2], parts), microphones[:2], players) == stems
    silent = [parts[0], np.zeros_like(parts[1]), parts[2]]
    checked = with_bearings(stems, heard_of(channels, silent), microphones, players)
    assert [stem.bearing is None for stem in checked] == [False, True, False]


def test_turning_everything_turns_the_bearings(recording):
    players, microphones, channels, parts = recording
    turn = Pose(
        position_m=np.zeros(3),
        orientation_wxyz=np.array([np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4)]),
    )
    turned = [performer(p.name, a + 90.0) for p, a in zip(players, AZIMUTHS_DEG, strict=True)]
    heard = heard_of(channels, parts)
    checked = with_bearings(stems_of(players), heard, turn.transform(microphones), turned)
    for stem, azimuth_deg in zip(checked, AZIMUTHS_DEG, strict=True):
        assert stem.bearing.verdict == "agrees"
        assert stem.bearing.azimuth_deg == pytest.approx(azimuth_deg + 90.0, abs=3.0)


def test_verdicts_follow_from_fits():
    fits = np.array([[0.8, 0.5, 0.5], [0.5, 0.6, 0.9], [0.5, 0.9, 0.6]])
    assert judge(fits, 0.01) == [("agrees", None), ("swapped", 2), ("swapped", 1)]
    assert judge(fits, 0.7)[1] == ("unsure", 2)


def test_shapes_that_do_not_fit_are_refused(recording):
    players, microphones, channels, parts = recording
    with pytest.raises(ValueError, match="7 channels need as many places, not 6"):
        with_bearings(stems_of(players), heard_of(channels, parts), microphones[:6], players)


def test_verdicts_come_back_from_the_folder(recording, tmp_path):
    players, microphones, channels, parts = recording
    checked = with_bearings(stems_of(players), heard_of(channels, parts), microphones, players)
    whole = Separation(stems=checked, residual_sound=checked[0].sound, manifest=manifest())
    write_separation(tmp_path / "stems", whole)
    again = read_separation(tmp_path / "stems")
    assert [stem.bearing for stem in again.stems] == [stem.bearing for stem in checked]
