"""Which process did something, and whether it still lives."""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil

SAME = 5.0
"""Seconds by which two readings of one start may differ: it is counted from the start of the
machine, which moves when its clock is set."""


def this_process() -> dict[str, Any]:
    """This process, as plain content: host, process id and start (seconds since 1970)."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "started": _started(pid)}


def is_this(process: dict[str, Any]) -> bool:
    """Whether it is this process itself."""
    here = (process["host"], process["pid"]) == (socket.gethostname(), os.getpid())
    return here and lives(process) is True


def lives(process: dict[str, Any]) -> bool | None:
    """Whether a process lives; None where it is on another machine."""
    if process["host"] != socket.gethostname():
        return None
    started, recorded = _started(process["pid"]), process.get("started")
    return started is not None and recorded is not None and abs(started - recorded) < SAME


def _started(pid: int) -> float | None:
    """When a process began, None where there is none: its number is given to another one later."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return 0.0  # it lives, and is not ours
