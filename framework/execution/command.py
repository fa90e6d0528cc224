"""Which command a process works for, on this machine or from another one."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Command(NamedTuple):
    """The main process of a command."""

    host: str
    pid: int


_served: list[Command] = []


def command_of_this_process() -> Command:
    """The command that this process works for: its own, where nobody else asked for the work."""
    if _served:
        return _served[-1]
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    return Command(socket.gethostname(), pid)


@contextmanager
def serving(command: Command) -> Iterator[None]:
    """Work for a command elsewhere."""
    _served.append(command)
    try:
        yield
    finally:
        _served.pop()
