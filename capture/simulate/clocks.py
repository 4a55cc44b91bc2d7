"""Clocks of a camera and a sound card that drift apart and wander, and a computer that is busy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from capture.sync import Stamps, SyncFit, fit_clocks


class SimulatedClocks:
    """A camera that runs true, a sound card that does not, and when what they deliver arrives.

    Attributes:
        jitter_s: Standard deviation of arrivals.
        outlier_s: How late some arrive on top.
        outlier_share: Share of those.
        images_s: Shape (N,): times of the images, by the camera's clock.
        blocks_s: Shape (M,): true times of the ends of blocks of sound.
    """

    jitter_s = 5e-3
    outlier_s = 50e-3
    outlier_share = 0.01

    def __init__(
        self,
        seed: int,
        *,
        seconds: float = 3600.0,
        drift: float = 373e-6,
        wander: float = 20e-6,
        period_s: float | None = None,
        fps: int = 15,
        blocks_hz: int = 50,
    ) -> None:
        """Draw how the sound card wanders.

        Args:
            seed: Of the generator.
            seconds: Length.
            drift: How much faster the sound card runs.
            wander: By how much its rate changes slowly, up and down.
            period_s: Of the wander; None draws three of 10 minutes to 2 hours.
            fps: Images a second.
            blocks_hz: Blocks of sound a second.
        """
        self._rng = np.random.default_rng(seed)
        self._drift = drift
        self._periods_s = (
            self._rng.uniform(600, 7200, 3) if period_s is None else np.array([period_s])
        )
        self._phases = self._rng.uniform(0, 2 * np.pi, len(self._periods_s))
        self._wander = wander
        self.images_s = np.arange(0, seconds, 1 / fps)
        self.blocks_s = np.arange(1 / blocks_hz, seconds, 1 / blocks_hz)

    def sound(self, true_s: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return what the sound card's clock says."""
        amplitudes = self._periods_s / (2 * np.pi) * self._wander / len(self._periods_s)
        turns = 2 * np.pi * true_s[:, None] / self._periods_s + self._phases
        wandered = (np.sin(turns) - np.sin(self._phases)) @ amplitudes
        return true_s * (1 + self._drift) + wandered

    def arrivals(self, true_s: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
        """Return when the computer notes what was ready at these times."""
        outliers = self._rng.random(len(true_s)) < self.outlier_share
        return true_s + self._rng.normal(0, self.jitter_s, len(true_s)) + self.outlier_s * outliers

    def fit(self) -> SyncFit:
        """Return the fit to arrivals drawn anew."""
        return fit_clocks(
            Stamps(clock_s=self.images_s, host_s=self.arrivals(self.images_s)),
            Stamps(clock_s=self.sound(self.blocks_s), host_s=self.arrivals(self.blocks_s)),
        )

    def error_s(self, fit: SyncFit) -> Float64[np.ndarray, "N"]:
        """Return by how much a fit misplaces each image in the sound."""
        return fit.clock.sound_from_camera(self.images_s) - self.sound(self.images_s)
