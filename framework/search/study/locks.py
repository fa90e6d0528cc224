"""Locks between processes. The system releases a lock when its holder is killed, so that nobody
waits for the dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other command works in the same folder; where the system cannot lock files,
    nobody waits."""
    lock = file_lock(folder / "command")
    with suppress(OSError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()  # nothing, where it was not acquired


def file_lock(path: Path) -> FileLock:
    """The lock of a file, in a file beside it."""
    # a marker in place of a lock, filelock's way out, would outlive a killed holder
    return FileLock(f"{path}.lock", fallback_to_soft=False, poll_interval=0.005)
