"""Files that are there whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.errors import UserError


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
