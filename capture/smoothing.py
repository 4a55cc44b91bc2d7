"""Smooth a path that was measured with noise, without delaying it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def smoothed(
    times_s: Float64[np.ndarray, "T"],
    positions_m: Float64[np.ndarray, "T 3"],
    *,
    noise_m: float = 0.02,
    acceleration_m_s2: float = 0.5,
) -> Float64[np.ndarray, "T 3"]:
    """Return the most likely path of a body of nearly constant velocity.

    A Kalman filter forward, then a Rauch-Tung-Striebel smoother backward; the axes are alike and
    independent.

    Args:
        times_s: Strictly increasing.
        positions_m: Measured.
        noise_m: Standard deviation of a measurement.
        acceleration_m_s2: How hard the body accelerates, as white noise over a second.

    Source: Rauch, Tung, Striebel 1965; Bar-Shalom et al. 2001, section 6.2.2.
    """
    count = len(times_s)
    if count < 3:
        return positions_m.copy()
    states = np.zeros((count, 2, 3))
    covariances = np.zeros((count, 2, 2))
    predicted = np.zeros((count, 2, 3))
    predicted_covariances = np.zeros((count, 2, 2))
    transitions = np.zeros((count, 2, 2))
    # The first measurement starts the path; its speed is known to about a metre a second.
    state = np.vstack([positions_m[0], np.zeros(3)])
    covariance = np.diag([noise_m**2, 1.0])
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
        gain = covariance[:, 0] / (covariance[0, 0] + noise_m**2)
        state = state + gain[:, None] * (positions_m[index] - state[0])
        covariance = covariance - np.outer(gain, covariance[0])
        states[index], covariances[index] = state, covariance
    for index in range(count - 2, -1, -1):
        following = np.linalg.inv(predicted_covariances[index + 1])
        back = covariances[index] @ transitions[index + 1].T @ following
        states[index] += back @ (states[index + 1] - predicted[index + 1])
    return states[:, 0].copy()
