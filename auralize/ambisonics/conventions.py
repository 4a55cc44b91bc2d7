"""Channel orders and weights of ambisonics: AmbiX (ACN, SN3D), N3D, and Furse-Malham.

Inside, everything is AmbiX. Furse-Malham (FuMa, the old B-format) ends at order 3; it has its own
order of channels, W X Y Z R S T U V K L M N O P Q, W is 3 dB lower, and the others have a largest
value of 1 over all directions (maxN).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float64, Int

from auralize.dsp.spherical_harmonics import channel_degrees, order_of

Convention = Literal["sn3d", "n3d", "fuma"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

HIGHEST_FUMA_ORDER = 3

# Source: Malham 2003, "Space in music - music in space" (MPhil thesis, York), the equations of the
# Furse-Malham set. Its 8/11 for L and M is the rounded √(135/256), which is used here.
_FUMA_LETTERS = "WXYZRSTUVKLMNOPQ"
_ACN_LETTERS = "WYZXVTRSUQOMKLNP"
_FUMA_OVER_SN3D = (
    {"W": 2**-0.5}
    | dict.fromkeys("XYZRK", 1.0)
    | dict.fromkeys("STUV", 2 / 3**0.5)
    | dict.fromkeys("LM", (45 / 32) ** 0.5)
    | dict.fromkeys("NO", 3 / 5**0.5)
    | dict.fromkeys("PQ", (8 / 5) ** 0.5)
)


def from_sn3d(
    channels: Float[np.ndarray, "channels *samples"], convention: Convention
) -> Float[np.ndarray, "channels *samples"]:
    """Return AmbiX channels in another convention.

    Raises:
        ValueError: They are no full sphere, or FuMa is asked for above order 3.
    """
    acn, weights = _layout(order_of(len(channels)), convention)
    return channels if convention == "sn3d" else _weighted(channels[acn], weights)


def to_sn3d(
    channels: Float[np.ndarray, "channels *samples"], convention: Convention
) -> Float[np.ndarray, "channels *samples"]:
    """Return channels of a convention as AmbiX; the inverse of `from_sn3d`.

    Raises:
        ValueError: They are no full sphere, or FuMa is said above order 3.
    """
    acn, weights = _layout(order_of(len(channels)), convention)
    return channels if convention == "sn3d" else _weighted(channels, 1 / weights)[np.argsort(acn)]


def check_convention(order: int, convention: Convention) -> None:
    """Check that a convention has an order.

    Raises:
        ValueError: It has not.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"the convention must be sn3d, n3d or fuma, got {convention!r}.")
    if convention == "fuma" and order > HIGHEST_FUMA_ORDER:
        raise ValueError(
            f"FuMa ends at order {HIGHEST_FUMA_ORDER}, got order {order}. Use sn3d (AmbiX), or a "
            "lower order."
        )


def _layout(
    order: int, convention: Convention
) -> tuple[Int[np.ndarray, "channels"], Float64[np.ndarray, "channels"]]:
    """Return the ACN of each channel of a convention, and its factor over SN3D."""
    check_convention(order, convention)
    count = (order + 1) ** 2
    if convention == "fuma":
        letters = _FUMA_LETTERS[:count]
        numbers = np.array([_ACN_LETTERS.index(letter) for letter in letters])
        return numbers, np.array([_FUMA_OVER_SN3D[letter] for letter in letters])
    degrees = channel_degrees(order)
    weights = np.sqrt(2 * degrees + 1) if convention == "n3d" else np.ones(count)
    return np.arange(count), weights


def _weighted(channels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply channels by weights, in the precision of the channels."""
    return channels * weights.astype(channels.dtype).reshape(-1, *[1] * (channels.ndim - 1))
