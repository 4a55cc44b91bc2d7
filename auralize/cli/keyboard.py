"""Single keys from a terminal, while something else goes on."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_WAIT_S = 0.1


@contextmanager
def pressed_keys(press: Callable[[str], None]) -> Generator[bool]:
    """Call a function with each key that is pressed, from a thread, until the context ends.

    Arrow keys are called up, down, left and right; other keys are their characters.

    Yields:
        Whether there are keys: not if the input is no terminal.
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows has another way
        yield False
        return
    if not sys.stdin.isatty():
        yield False
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    ending = threading.Event()

    def watch() -> None:
        while not ending.is_set():
            if select.select([terminal], [], [], _WAIT_S)[0]:
                for key in keys_in(os.read(terminal, 64).decode(errors="ignore")):
                    press(key)

    thread = threading.Thread(target=watch, name="keyboard", daemon=True)
    try:
        tty.setcbreak(terminal)
        thread.start()
        yield True
    finally:
        ending.set()
        thread.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def keys_in(text: str) -> list[str]:
    """Return the keys that a terminal wrote as some text."""
    keys: list[str] = []
    while text:
        if text[:2] in ("\x1b[", "\x1bO") and text[2:3] in _ARROWS:
            keys.append(_ARROWS[text[2]])
            text = text[3:]
        else:
            keys.append(text[0])
            text = text[1:]
    return keys
