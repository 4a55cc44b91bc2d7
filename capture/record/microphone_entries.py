"""microphone_entries: what take.json says about the channels of a sound device."""

from __future__ import annotations

from capture.microphones import AZURE_KINECT, CENTER_CHANNEL, device_places
from capture.take.take_file import MicrophoneEntry


def microphone_entries(
    channels: int, *, center: int | None, is_kinect: bool
) -> tuple[MicrophoneEntry, ...]:
    """Return an entry for each channel, or none where nothing is known of them.

    Args:
        channels: Number of channels.
        center: The channel of the main microphone, None where nobody said.
        is_kinect: Whether they are those of an Azure Kinect, whose places are known by default.

    Raises:
        ValueError: There is no channel `center`.
    """
    if center is not None and center >= channels:
        raise ValueError(f"there are {channels} channels, counted from 0: no channel {center}.")
    if is_kinect:
        main = CENTER_CHANNEL if center is None else center
        positions = device_places(AZURE_KINECT)
        return tuple(
            MicrophoneEntry(
                channel=channel,
                role="center" if channel == main else "ring",
                position_m=positions[channel] if channel < len(positions) else None,
            )
            for channel in range(channels)
        )
    if center is None:
        return ()
    return tuple(
        MicrophoneEntry(channel=channel, role="center" if channel == center else "other")
        for channel in range(channels)
    )
