"""The exceptions of the whole project.

    AuralizeError
    ├── FileFormatError   a file is broken, truncated, or of another kind
    ├── DataError         a file reads well, but what it holds cannot be used
    ├── OutputError       a result cannot be written
    ├── DeviceError       a sensor or an audio device is missing or failed
    └── DependencyError   a package or a system library is missing

Each message says what was given, what is needed and what to do. A bad argument of a call is a
plain ValueError.
"""


class AuralizeError(Exception):
    """Something outside the program (a file, a device, its data) keeps it from going on."""


class FileFormatError(AuralizeError):
    """A file is broken, truncated, or not of the kind that was asked for."""


class DataError(AuralizeError):
    """A file reads well, but its content cannot be used: no player, silence, NaN."""


class OutputError(AuralizeError):
    """A result cannot be written: the folder is read-only, the disk is full."""


class DeviceError(AuralizeError):
    """A sensor or an audio device is missing, busy or failed."""


class DependencyError(AuralizeError):
    """A Python package or a system library that this step needs is missing."""
