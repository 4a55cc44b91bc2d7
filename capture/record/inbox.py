"""Inbox: what drivers give and a writer takes, bounded in bytes."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")
_URGENT = 1.25


class Inbox(Generic[Item]):
    """A queue between threads that holds at most so many bytes.

    Args:
        most_bytes: That wait at once.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def fill(self) -> float:
        """How full it is, from 0 to 1."""
        return self._bytes / self._most_bytes

    def put(self, item: Item, size: int, *, wait: bool, urgent: bool = False) -> bool:
        """Add an item; return whether there was room.

        Args:
            item: What to add.
            size: Its bytes; items without any always have room.
            wait: Wait for room, until the inbox is closed.
            urgent: Give it a quarter more room than others have.
        """
        most_bytes = self._most_bytes * (_URGENT if urgent else 1)
        with self._changed:
            while size and self._bytes and self._bytes + size > most_bytes:
                if not wait or self._closed:
                    return False
                self._changed.wait()
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> Item | None:
        """Take the oldest item, None where none comes in time."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while not self._items:
                left_s = until - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    return None
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Let nobody wait for room any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
