"""Who works on a trial, and whether that process still lives."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from typing import Any

import psutil

HEARTBEAT = 20
"""Seconds between two signs of life of a trial that goes on."""
STALE = 120
"""Seconds without one after which a process on another machine is given up."""
CLOCK = 5
"""Seconds by which the start of one process may differ from look to look: it is counted from the
start of the machine, which moves when its clock is set."""


def owner() -> dict[str, Any]:
    """This process, as plain content."""
    pid, command = os.getpid(), multiprocessing.parent_process()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "started": _started(pid),
        "command": pid if command is None else command.pid,
        "seen": time.time(),
    }


def is_mine(owner: dict[str, Any]) -> bool:
    """Whether a process belongs to this command: it is this one, or one of its workers."""
    return (owner["host"], owner["command"]) == (socket.gethostname(), os.getpid())


def is_me(owner: dict[str, Any]) -> bool:
    """Whether it is this process itself."""
    here = socket.gethostname(), os.getpid()
    return (owner["host"], owner["pid"]) == here and _runs(owner)


def lives(owner: dict[str, Any], seen: float) -> bool:
    """Whether a process lives: on this machine it is looked up, elsewhere it must have been seen.

    Args:
        seen: `time.time` of its last sign of life.
    """
    if owner["host"] == socket.gethostname():
        return _runs(owner)
    return time.time() - max(owner["seen"], seen) < STALE


def _runs(owner: dict[str, Any]) -> bool:
    """Whether a process of this machine runs, and not another one that was given its number."""
    started, recorded = _started(owner["pid"]), owner.get("started")
    return started is not None and recorded is not None and abs(started - recorded) < CLOCK


def _started(pid: int) -> float | None:
    """When a process started, as `time.time`; None where it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
