"""A study's journal: a file of one JSON object a line, which stays readable whoever is killed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend

from framework.base.errors import UserError
from framework.search.study.locks import file_lock

MISREAD = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What Optuna raises when it reads a journal with a damaged line."""

_BEGINNING = b'{"op_code":'


class Journal(JournalFileBackend):
    """Optuna's journal, whose lines stay whole: what was written of a line when its writer died
    or the disk was full is removed before the next one is written."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._writing = file_lock(path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        try:
            with self._writing:
                _remove_torn_line(self._path)
                before = self._path.stat().st_size
                try:
                    with self._path.open("ab", buffering=0) as file:
                        _write_all(file, "".join(lines).encode())
                        os.fsync(file.fileno())
                except OSError:
                    os.truncate(self._path, before)
                    raise
        except OSError as error:
            raise StorageInternalError("the journal cannot be written") from error


def _write_all(file: Any, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


def _remove_torn_line(path: Path) -> None:
    """Remove a last line without an end, under the lock; its bytes are kept beside the file."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if not end or (file.seek(end - 1), file.read())[1] == b"\n":
            return
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        with path.with_name(path.name + ".torn").open("ab") as kept:
            kept.write(content[whole:] + b"\n")
        file.truncate(whole)


def require_journal(path: Path) -> None:
    """Refuse a file that is something else, before it is written to.

    Raises:
        UserError: it exists and is not a journal.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        first = file.read(len(_BEGINNING))
    if not _BEGINNING.startswith(first) and first.strip(b"\0"):
        raise UserError(
            f"--storage {path}: is a file, but not the journal of a study; a database is given as "
            "sqlite:///FILE"
        )


def damaged(path: Path, error: Exception) -> UserError:
    """What a user is told of a journal that cannot be read."""
    line = damaged_line(path)
    what = f"line {line} is damaged" if line else "a line does not fit the others"
    return UserError(
        f"{path}: {what} ({type(error).__name__}); nothing was changed; "
        "remove the damaged line from a copy and put the copy in its place, or move the file away "
        "to start from scratch"
    )


def damaged_line(path: Path) -> int | None:
    """The first line that is not an entry of a journal; None where there is none."""
    with suppress(OSError):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                json.loads(line)["op_code"]
            except (ValueError, LookupError, TypeError):
                return number
    return None
