"""Ctrl+C, SIGTERM and SIGHUP as one exception, so that a command cleans up and says how it ended.

`KeyboardInterrupt` will not do: PyTorch Lightning takes it for a wish to stop training and exits
with code 1, and Typer exits without a word.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The command was told to end.

    Attributes:
        code: exit code by convention: 128 and the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` where the signals arrive; those that are ignored (nohup) stay so.

    Only the main thread can do so; elsewhere nothing is changed.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
