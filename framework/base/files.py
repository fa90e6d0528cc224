"""Files that are there whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        path.parent.mkdir(parents=True, exist_ok=True)
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        scratch.unlink(missing_ok=True)


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
