"""Smooth a path that was measured with noise, without delaying it, and say how sure it is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64


def smoothed(
    times_s: Float64[np.ndarray, "T"],
    positions_m: Float64[np.ndarray, "T 3"],
    *,
    measured: Bool[np.ndarray, "T"] | None = None,
    noise_m: float | Float64[np.ndarray, "T"] = 0.02,
    acceleration_m_s2: float = 0.5,
) -> tuple[Float64[np.ndarray, "T 3"], Float64[np.ndarray, "T"]]:
    """Return the most likely path of a body of nearly constant velocity.

    A Kalman filter forward, then a Rauch-Tung-Striebel smoother backward; the axes are alike and
    independent.

    Args:
        times_s: Strictly increasing.
        positions_m: Measured.
        measured: At which times there is a measurement: at the first one there must be. None: at
            all.
        noise_m: Standard deviation of a measurement along one axis, for all or for each.
        acceleration_m_s2: How hard the body accelerates, as white noise over a second.

    Returns:
        The path, and its standard deviation along one axis at each time.

    Source: Rauch, Tung, Striebel 1965; Bar-Shalom et al. 2001, section 6.2.2.
    """
    count = len(times_s)
    noise = np.broadcast_to(np.asarray(noise_m, np.float64), count)
    known = np.ones(count, dtype=bool) if measured is None else measured
    if count == 0:
        return positions_m.copy(), np.zeros(0)
    if not known[0]:
        raise ValueError("a path starts with a measurement, but the first is not measured.")
    states = np.zeros((count, 2, 3))
    covariances = np.zeros((count, 2, 2))
    predicted = np.zeros((count, 2, 3))
    predicted_covariances = np.zeros((count, 2, 2))
    transitions = np.zeros((count, 2, 2))
    # The first measurement starts the path; its speed is known to about a metre a second.
    state = np.vstack([positions_m[0], np.zeros(3)])
    covariance = np.diag([noise[0] ** 2, 1.0])
    states[0], covariances[0] = state, covariance
    for index in range(1, count):
        step_s = float(times_s[index] - times_s[index - 1])
        transition = np.array([[1.0, step_s], [0.0, 1.0]])
        drive = acceleration_m_s2**2 * np.array(
            [[step_s**3 / 3, step_s**2 / 2], [step_s**2 / 2, step_s]]
        )
        state = transition @ state
        covariance = transition @ covariance @ transition.T + drive
        transitions[index], predicted[index] = transition, state
        predicted_covariances[index] = covariance
        if known[index]:
            gain = covariance[:, 0] / (covariance[0, 0] + noise[index] ** 2)
            state = state + gain[:, None] * (positions_m[index] - state[0])
            covariance = covariance - np.outer(gain, covariance[0])
        states[index], covariances[index] = state, covariance
    for index in range(count - 2, -1, -1):
        following = np.linalg.inv(predicted_covariances[index + 1])
        back = covariances[index] @ transitions[index + 1].T @ following
        states[index] += back @ (states[index + 1] - predicted[index + 1])
        beyond = covariances[index + 1] - predicted_covariances[index + 1]
        covariances[index] += back @ beyond @ back.T
    return states[:, 0].copy(), np.sqrt(np.maximum(covariances[:, 0, 0], 0.0))


def smoothed_yaws(
    times_s: Float64[np.ndarray, "T"],
    yaws_rad: Float64[np.ndarray, "T"],
    weights: Float64[np.ndarray, "T"],
    at_s: Float64[np.ndarray, "N"],
    *,
    width_s: float,
) -> Float64[np.ndarray, "N"]:
    """Return the weighted mean direction about each time, under a Gaussian window.

    Where no measurement is within three widths, the nearest one counts.

    Args:
        times_s: Of the measurements, increasing, at least one.
        yaws_rad: Measured.
        weights: How much each says; positive.
        at_s: When it is asked for.
        width_s: Standard deviation of the window.
    """
    ways = weights[:, None] * np.column_stack([np.cos(yaws_rad), np.sin(yaws_rad)])
    starts = np.searchsorted(times_s, at_s - 3 * width_s, side="left")
    stops = np.searchsorted(times_s, at_s + 3 * width_s, side="right")
    found = np.zeros(len(at_s))
    for index, (time_s, start, stop) in enumerate(zip(at_s, starts, stops, strict=True)):
        if start == stop:
            nearest = int(np.abs(times_s - time_s).argmin())
            start, stop = nearest, nearest + 1
        off = (times_s[start:stop] - time_s) / width_s
        # Beside the nearest one, so that windows do not vanish far from all.
        way = np.exp(-0.5 * (off**2 - np.min(off**2))) @ ways[start:stop]
        found[index] = np.arctan2(way[1], way[0])
    return found
