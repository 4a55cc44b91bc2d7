"""Sound that is read in parts."""

import numpy as np
import pytest

from capture.waveform import Waveform, read_padded


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (-3, 2), (3, 9), (-2, 8), (7, 9), (-9, -4)])
def test_beyond_its_ends_a_sound_is_silent(start, stop):
    sound = Waveform(samples=np.arange(1.0, 6.0)[None], sample_rate_hz=8000)
    expected = [[k + 1.0 if 0 <= k < 5 else 0.0 for k in range(start, stop)]]
    np.testing.assert_array_equal(read_padded(sound, start, stop), expected)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.bool_])
def test_integers_are_no_samples(kind):
    with pytest.raises(ValueError, match=f"{np.dtype(kind)}: divide"):
        Waveform(samples=np.ones((1, 4), kind), sample_rate_hz=8000)
