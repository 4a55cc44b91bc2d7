"""Places of players: what microphones should hear from there, and stems that follow it."""

import numpy as np
import pytest
import scipy.signal

from capture.microphones import AZURE_KINECT
from capture.waveform import Waveform
from separation.array import ArrayConfig
from separation.directions import Directions, Heard
from separation.metrics import si_sdr
from separation.separator import SeparateConfig, separate
from tests.separation.test_separator import PERFORMERS, SplitByFrequency, build

RATE = 16000
FREQUENCIES_HZ = np.linspace(0, 8000, 65)
RING_M = AZURE_KINECT.on_device_m() + np.array([0.0, 0.0, 1.0])
PLACES_M = np.array([performer.trajectory.mean_position_m for performer in PERFORMERS[:2]])


def turned(points_m, angle_deg):
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    around = points_m - points_m.mean(axis=0)
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return around @ matrix.T + points_m.mean(axis=0)


def play(sources, places_m, microphones_m):
    """Play sources without a room: each microphone hears them later and softer with distance."""
    count = sources.shape[1]
    frequencies = np.fft.rfftfreq(2 * count, 1 / RATE)
    images = []
    for samples, place in zip(sources, places_m, strict=True):
        distances = np.linalg.norm(place - microphones_m, axis=1)[:, None]
        response = np.exp(-2j * np.pi * frequencies * distances / 343.2) / distances
        spectrum = np.fft.rfft(samples, 2 * count) * response
        images.append(np.fft.irfft(spectrum, axis=1)[:, :count])
    return np.array(images)


def melody(seed, seconds=4.0, note_s=0.5):
    """Notes of random pitch with ten partials."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(note_s * RATE)) / RATE
    partials = np.arange(1, 11)[:, None]
    notes = [
        np.sum(np.sin(2 * np.pi * partials * pitch_hz * time_s) / partials, axis=0)
        for pitch_hz in rng.uniform(200, 700, round(seconds / note_s))
    ]
    return 0.1 * np.concatenate([note * np.hanning(len(time_s)) for note in notes])


@pytest.fixture(scope="module")
def duet():
    """Two players whom the network cannot tell apart, and what the array hears of them."""
    images = play(np.stack([melody(1), melody(2)]), PLACES_M, RING_M)
    noise = 1e-4 * np.random.default_rng(3).standard_normal(images.shape[1:])
    mixture = (images.sum(axis=0) + noise).astype(np.float32)
    return Waveform(samples=mixture, sample_rate_hz=RATE), images[:, 0]


@pytest.fixture(scope="module")
def twins():
    model = build(SplitByFrequency)
    model.equal = True
    return model


def gains(separation, images):
    stems = np.stack([stem.waveform.samples[0] for stem in separation.stems])
    mixed = images.sum(axis=0, keepdims=True).repeat(2, axis=0)
    return si_sdr(images, stems) - si_sdr(images, mixed)


def test_a_far_player_is_a_plane_wave_and_its_rest_is_diffuse():
    place = np.array([[0.0, 500.0, 0.0]])
    pair_m = np.array([[0.0, 0.0, 0.0], [0.0, 0.04, 0.0]])
    one = Directions(performers_m=place, microphones_m=pair_m, direct_share=1.0)
    (covariance,) = one.covariances(FREQUENCIES_HZ)
    phase = 2 * np.pi * FREQUENCIES_HZ * 0.04 / 343.2  # the second is nearer: it hears it earlier
    np.testing.assert_allclose(covariance[:, 1, 0], np.exp(1j * phase), atol=1e-3)
    both = Directions(performers_m=place, microphones_m=pair_m, direct_share=0.25)
    (covariance,) = both.covariances(FREQUENCIES_HZ)
    np.testing.assert_allclose(covariance, covariance.conj().swapaxes(1, 2), atol=1e-6)
    np.testing.assert_allclose(covariance[:, 0, 0], 1.0, atol=1e-6)
    diffuse = np.ones_like(phase)
    diffuse[1:] = np.sin(phase[1:]) / phase[1:]
    expected = 0.25 * np.exp(1j * phase) + 0.75 * diffuse
    np.testing.assert_allclose(covariance[:, 1, 0], expected, atol=1e-3)


@pytest.mark.parametrize("angle_deg", [0, 30, 90, -120])
def test_agreement_tells_how_an_array_is_turned(angle_deg):
    true = Directions(performers_m=PLACES_M, microphones_m=RING_M)
    believed = Directions(performers_m=PLACES_M, microphones_m=turned(RING_M, -angle_deg))
    covariances = true.covariances(FREQUENCIES_HZ).astype(np.complex128)
    heard = Heard(covariances=covariances, frequencies_hz=FREQUENCIES_HZ)
    agreement = believed.agreement(heard)
    assert agreement.turned_deg == pytest.approx(angle_deg)
    if angle_deg == 0:
        assert agreement.share == pytest.approx(1.0)
    elif abs(angle_deg) >= 90:
        assert agreement.share < 0.2


def test_places_divide_players_of_one_instrument(duet, twins):
    mixture, images = duet
    equal = separate(mixture, PERFORMERS[:2], twins)
    assert equal.manifest.directions.startswith("unknown, because it is not known where")
    assert "split one mask equally" in equal.stems[0].note
    np.testing.assert_allclose(gains(equal, images), 0.0, atol=0.5)
    placed = separate(mixture, PERFORMERS[:2], twins, microphones_m=RING_M)
    assert placed.manifest.directions == "used"
    assert placed.manifest.directions_note == ""
    assert placed.stems[0].shared_with == ("performer-2",)
    assert "where they are" in placed.stems[0].note
    assert gains(placed, images).min() > 10


def test_neighbouring_cells_say_more_than_one_alone_in_a_room(twins):
    """As much energy comes from everywhere, for half a second, as comes straight."""
    rng = np.random.default_rng(4)
    images = play(np.stack([melody(1), melody(2)]), PLACES_M, RING_M)
    decay = 10 ** (-3 * np.arange(RATE // 2) / (RATE // 2))
    tails = rng.standard_normal((*images.shape[:2], len(decay))) * decay
    tails /= np.linalg.norm(tails, axis=-1, keepdims=True)
    images = images + scipy.signal.fftconvolve(images, tails, axes=2)[..., : images.shape[2]]
    mixture = Waveform(samples=images.sum(axis=0).astype(np.float32), sample_rate_hz=RATE)
    alone, together = (
        gains(
            separate(
                mixture, PERFORMERS[:2], twins, SeparateConfig(array=array), microphones_m=RING_M
            ),
            images[:, 0],
        ).mean()
        for array in (ArrayConfig(frames=0, bins=0), ArrayConfig())
    )
    assert together > alone + 0.2


def test_places_that_are_not_heard_are_not_used(duet, twins):
    mixture, _ = duet
    equal = separate(mixture, PERFORMERS[:2], twins)
    wrong = separate(mixture, PERFORMERS[:2], twins, microphones_m=turned(RING_M, 90.0))
    assert wrong.manifest.directions.startswith("not used, because")
    assert "-90°" in wrong.manifest.directions
    for one, other in zip(wrong.stems, equal.stems, strict=True):
        np.testing.assert_array_equal(one.waveform.samples, other.waveform.samples)


def test_dead_microphones_are_left_out(duet, twins):
    mixture, images = duet
    samples = mixture.samples.copy()
    samples[4] = 0.0
    dead = Waveform(samples=samples, sample_rate_hz=RATE)
    placed = separate(dead, PERFORMERS[:2], twins, microphones_m=RING_M)
    assert gains(placed, images).min() > 8
    with pytest.raises(ValueError, match="7 channels need as many places, not 6"):
        separate(mixture, PERFORMERS[:2], twins, microphones_m=RING_M[:6])


def test_what_the_network_exchanged_is_found_although_places_helped():
    """Stems follow the places; the verdict is on what the masks said before."""
    rng = np.random.default_rng(5)
    count = 4 * RATE
    spectrum = np.fft.rfft(rng.standard_normal((2, count)))
    edge = spectrum.shape[1] // 8  # 1 kHz: well inside the first and the second half of the rows
    spectrum[0, edge:] = 0
    spectrum[1, : 2 * edge] = 0
    sources = 0.1 * np.fft.irfft(spectrum, count)
    for order, verdict in (((0, 1), "agrees"), ((1, 0), "swapped")):
        images = play(sources[list(order)], PLACES_M, RING_M)
        mixture = Waveform(samples=images.sum(axis=0).astype(np.float32), sample_rate_hz=RATE)
        split = separate(mixture, PERFORMERS[:2], build(SplitByFrequency), microphones_m=RING_M)
        assert [stem.bearing.verdict for stem in split.stems] == [verdict] * 2
