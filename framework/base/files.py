"""Files that are there whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from framework.base.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is written takes the place of ``path`` in one step.

    The folder is made if need be.

    Raises:
        UserError: it cannot be written; what stood there stands.
    """
    scratch = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield scratch
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, complete: str) -> Iterator[Path]:
    """A folder to write to; it takes the place of ``path`` when all of it is written.

    Args:
        complete: the file by which a folder that is there already is known to be whole: then it
            stays, since another process has written the same.

    Raises:
        UserError: it cannot be written; nothing of it is left.
    """
    remove_abandoned(path.parent)
    scratch = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)  # of a dead process with this one's number
    try:
        with _writing(path):
            scratch.mkdir(parents=True)
            yield scratch
            if (path / complete).exists():
                return  # another process was quicker
            if path.exists():  # of an older layout
                shutil.rmtree(path)
            scratch.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Delete what killed processes of this machine left of `whole_folder` in a folder."""
    for scratch in folder.glob(f".*.{socket.gethostname()}.*"):
        pid = scratch.name.rpartition(".")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A disk that is full or refuses is one message, whichever library was writing."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
    except RuntimeError as error:  # what netCDF and torch make of a disk that is full
        if not any(mark in str(error) for mark in ("NetCDF: ", "inline_container", "StreamWriter")):
            raise
        reason = str(error).splitlines()[0]
    else:
        return
    raise UserError(f"{path}: cannot be written ({reason}); {_room(path)}")


def _room(path: Path) -> str:
    """How much space is left where a path is to be written."""
    there = next((folder for folder in path.parents if folder.exists()), Path())
    return f"{shutil.disk_usage(there).free / 1e6:,.0f} MB are free in {there}"


def require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, before anything is computed.

    Raises:
        UserError: with the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); give another folder with --runs"
        ) from None
