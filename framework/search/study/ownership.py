"""Who works on a trial, and whether that process still lives."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from framework.base import processes
from framework.execution.command import command_of_this_process

HEARTBEAT = 20
"""Seconds between two signs of life of a trial that goes on."""
STALE = 120
"""Seconds without one after which a process on another machine is given up."""


def owner() -> dict[str, Any]:
    """This process, as plain content."""
    command = command_of_this_process()
    whose = {"command": command.pid, "command_host": command.host}
    return {**processes.this_process(), **whose, "seen": time.time()}


def is_mine(owner: dict[str, Any]) -> bool:
    """Whether a process belongs to this command: it is this one, or one of its workers."""
    host = owner.get("command_host", owner["host"])
    return (host, owner["command"]) == (socket.gethostname(), os.getpid())


def lives(owner: dict[str, Any], seen: float) -> bool:
    """Whether a process lives: on this machine it is looked up, elsewhere it must have been seen.

    Args:
        seen: `time.time` of its last sign of life.
    """
    here = processes.lives(owner)
    return time.time() - max(owner["seen"], seen) < STALE if here is None else here
