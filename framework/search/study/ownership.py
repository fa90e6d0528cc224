"""Who works on a trial, and whether that process still lives."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from pathlib import Path
from typing import Any

HEARTBEAT = 20
"""Seconds between two signs of life of a trial that goes on."""
STALE = 120
"""Seconds without one after which a process on another machine is given up."""


def owner() -> dict[str, Any]:
    """This process, as plain content."""
    pid, command = os.getpid(), multiprocessing.parent_process()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "begun": _begun(pid),
        "command": pid if command is None else command.pid,
        "seen": time.time(),
    }


def is_mine(owner: dict[str, Any]) -> bool:
    """Whether a process belongs to this command: it is this one, or one of its workers."""
    return (owner["host"], owner["command"]) == (socket.gethostname(), os.getpid())


def is_me(owner: dict[str, Any]) -> bool:
    """Whether it is this process itself."""
    pid = os.getpid()
    return (owner["host"], owner["pid"], owner["begun"]) == (socket.gethostname(), pid, _begun(pid))


def lives(owner: dict[str, Any], seen: float) -> bool:
    """Whether a process lives: on this machine it is looked up, elsewhere it must have been seen.

    Args:
        seen: `time.time` of its last sign of life.
    """
    if owner["host"] == socket.gethostname():
        return _begun(owner["pid"]) == owner["begun"]
    return time.time() - max(owner["seen"], seen) < STALE


def _begun(pid: int) -> str:
    """When a process began, "" where there is none: its number is given to another one later."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if Path("/proc/self").exists() else _exists(pid)
    fields = content.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> str:
    """Without /proc, alive or not is all that can be known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "alive"
