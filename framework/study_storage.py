"""Where an Optuna study is kept: a journal file or a database, and what can go wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from framework.errors import UserError
from framework.store import shown

try:
    import fcntl
except ImportError:  # Windows: Optuna's own lock, which waits 30 s for a killed writer
    fcntl = None  # type: ignore[assignment]


@contextmanager
def usable(storage: str) -> Iterator[None]:
    """What goes wrong with the storage as one message.

    Raises:
        UserError: it cannot be reached, read or written; nothing in it is changed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        line = None if "://" in storage else _damaged_line(Path(storage))
        if line is None:
            raise
        raise UserError(
            f"{storage}: line {line} is damaged ({type(error).__name__}); nothing was changed; "
            "take that line out of a copy and put the copy in its place, or move the file away "
            "to begin anew"
        ) from None
    except (SQLAlchemyError, OptunaError, OSError, ImportError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, OptunaError) and error.__cause__ else error
        reason = shown(str(cause).strip().splitlines()[0]) if str(cause) else type(cause).__name__
        raise UserError(
            f"study storage {shown(storage)}: cannot be used ({reason[:300]}); finished trials "
            "stand; mend it and give the same command again, or name another with --storage"
        ) from None


def open_storage(storage: str) -> BaseStorage:
    """The storage behind an SQLAlchemy URL or the path of a journal."""
    if "://" in storage:
        return RDBStorage(storage)
    path = Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _Lock(str(path)) if fcntl else None
    if lock is not None:
        _mend_torn_line(path, lock)
    return JournalStorage(JournalFileBackend(str(path), lock))


class _Lock(BaseJournalFileLock):
    """One writer at a time. The system lets go of it when its holder is killed, so that nobody
    waits for the dead."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        self._file: Any = None

    def acquire(self) -> bool:
        self._file = Path(self._path).open("ab")  # noqa: SIM115
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        self._file.close()


def _mend_torn_line(path: Path, lock: _Lock) -> None:
    """Take out a last line without an end: its writer died, or the disk was full.

    The bytes are kept beside the file.
    """
    if not path.exists():
        return
    lock.acquire()
    try:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.with_name(path.name + ".torn").open("ab") as kept:
                kept.write(content[whole:] + b"\n")
            with path.open("r+b") as file:
                file.truncate(whole)
    finally:
        lock.release()


def _damaged_line(journal: Path) -> int | None:
    """The first line that is no entry of a journal."""
    with suppress(OSError):
        for number, line in enumerate(journal.read_bytes().splitlines(), 1):
            try:
                json.loads(line)["op_code"]
            except (ValueError, LookupError, TypeError):
                return number
    return None
