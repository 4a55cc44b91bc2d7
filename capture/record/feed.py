"""Feed: a thread that carries what one driver gives into the inbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from capture.record.driver import Capture, SoundBlock
from capture.record.inbox import Inbox

Part = Literal["camera", "sound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A driver gives nothing any more.

    Attributes:
        part: Which one.
        error: Why, None where it came to its end.
    """

    part: Part
    error: Exception | None = None


Item = Capture | SoundBlock | Ended


class Feed:
    """Carry what a driver gives, until it ends or is told to stop.

    Args:
        part: Which driver it is.
        read: Gives its iterator.
        inbox: Where to put what comes.
        live: Whether to give up what finds no room, as a device does not wait.

    Attributes:
        dropped: How many items found no room.
    """

    def __init__(
        self,
        part: Part,
        read: Callable[[], Generator[Capture | None] | Generator[SoundBlock | None]],
        inbox: Inbox[Item],
        *,
        live: bool,
    ) -> None:
        self.dropped = 0
        self._part: Part = part
        self._read = read
        self._inbox = inbox
        self._live = live
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=part, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end; what it has in its hands is dropped, uncounted."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the thread has ended, five seconds at most: a driver may hang."""
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        error: Exception | None = None
        try:
            with closing(self._read()) as items:
                for item in items:
                    if self._stopping.is_set():
                        break
                    if item is not None and not self._put(item) and not self._stopping.is_set():
                        self.dropped += 1
        except Exception as caught:  # whatever a driver raises ends its part, and is told
            error = caught
        self._inbox.put(Ended(part=self._part, error=error), 0, wait=False)

    def _put(self, item: Capture | SoundBlock) -> bool:
        # Sound is small, and the first thing that is missed: when there is no room for captures,
        # there is for a minute and more of sound.
        urgent = isinstance(item, SoundBlock)
        return self._inbox.put(item, item.size, wait=not self._live, urgent=urgent)
