"""Check a take's times: whether images and sound belong together, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capture.check.finding import Finding
from capture.sync.clap import find_claps
from capture.take import Take

_LAG_S = 0.025
_USUAL_DRIFT = 1000e-6
_SHORTER_S = 0.2
_DROPPED_SHARE = 0.01


def check_sync(take: Take) -> Iterator[Finding]:
    """Look at the clocks, the lengths and the claps."""
    if not take.has_sound:
        yield Finding(
            concern="sync",
            ok=False,
            text="there is no sound",
            advice="Record with a sound device, or give a file with --audio.",
        )
        return
    if abs(take.clock.drift) > _USUAL_DRIFT:
        yield Finding(
            concern="sync",
            ok=False,
            text=f"the clocks part by {take.clock.drift * 1e6:+.0f} ppm, which no crystal does",
            advice="Check the sound file's sample rate, and that it belongs to these images.",
        )
    early_s = float(take.times_s[-1]) - take.duration_s
    if early_s > _SHORTER_S:
        yield Finding(
            concern="sync",
            ok=False,
            text=f"the sound ends {early_s:.2f} s before the images",
            advice="Check that both belong together; the take is silent from there on.",
        )
    claps = find_claps(take)
    late = [clap for clap in claps if abs(clap.lag_s) > max(_LAG_S, 2 * clap.error_s)]
    if late:
        worst = max(late, key=lambda clap: abs(clap.lag_s))
        yield Finding(
            concern="sync",
            ok=False,
            text=f"a clap at {worst.time_s:.2f} s is seen {1e3 * worst.lag_s:+.0f} ms after it is "
            "heard",
            advice="Correct the clock with `auralize capture sync TAKE --write`.",
        )
    elif claps:
        lags = ", ".join(f"{1e3 * clap.lag_s:+.0f} ms" for clap in claps)
        yield Finding(concern="sync", ok=True, text=f"claps are seen where they are heard ({lags})")
    else:
        yield Finding(concern="sync", ok=True, text=f"{take.clock}; no clap to verify it by")


def check_drops(take: Take) -> Iterator[Finding]:
    """Look for images and sound that are missing."""
    lost: list[str] = []
    steps_s = np.diff(take.times_s)
    missing = 0
    if len(steps_s):
        period_s = float(np.median(steps_s))
        missing = int(np.maximum(np.rint(steps_s / period_s) - 1, 0).sum())
    if missing:
        share = missing / (missing + len(take.times_s))
        worst = int(np.argmax(steps_s))
        lost.append(
            f"{missing} of {missing + len(take.times_s)} images are missing ({100 * share:.1f} %), "
            f"the longest gap {1e3 * steps_s[worst]:.0f} ms at {take.times_s[worst]:.2f} s"
        )
    recorded = take.recorded
    if recorded is not None and recorded.sound_missing_samples and take.has_sound:
        silent_s = recorded.sound_missing_samples / take.sample_rate_hz
        lost.append(f"{silent_s:.2f} s of sound got lost and are silent")
    lost += [warning for warning in take.warnings if "gap" in warning or "damaged" in warning]
    for text in lost:
        few = missing and text is lost[0] and missing < _DROPPED_SHARE * len(take.times_s)
        yield Finding(
            concern="drops",
            ok=bool(few),
            text=text,
            advice=""
            if few
            else "Record to a faster disk, with the sensor on a USB 3 port of its own, and at "
            "fewer images a second.",
        )
    if not lost:
        yield Finding(concern="drops", ok=True, text="no image and no sound is missing")
