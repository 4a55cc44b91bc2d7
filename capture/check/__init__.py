"""Check a take before the ensemble has gone home: sync, drops, sound, exposure and range."""

from capture.check.finding import Finding
from capture.check.take_check import check_take

__all__ = ["Finding", "check_take"]
