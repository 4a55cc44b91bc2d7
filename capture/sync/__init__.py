"""Bring sound and images onto one timeline: the fit of their clocks, from time stamps or a clap.

The camera and the sound card know nothing of each other, but the computer sees both: it notes when
a reading of either clock arrived. Each clock is fitted to the computer's, and the two fits are put
together. What both arrive late by, always, no time stamp shows: a clap does.
"""

from capture.sync.fit import SyncFit, fit_clocks, fit_times
from capture.sync.stamps import StampLog, Stamps

__all__ = ["StampLog", "Stamps", "SyncFit", "fit_clocks", "fit_times"]
