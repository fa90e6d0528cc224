"""Where an Optuna study is kept: a journal file or a database, and what can go wrong with it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import OptunaError, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock, get_lock_file
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from framework.base.databases import probe, shown, with_driver
from framework.base.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: Optuna's own lock, which waits 30 s for a killed writer
    fcntl = None  # type: ignore[assignment]

RIVALS = 5
"""Times that the tables of a database are tried to be made."""

_BEGINNING = b'{"op_code":'
_MISREAD = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What Optuna raises when it reads a journal with a damaged line."""


@contextmanager
def usable(storage: str) -> Iterator[None]:
    """What goes wrong with the storage as one message.

    Raises:
        UserError: it cannot be reached, read or written; nothing in it is changed.
    """
    try:
        yield
    except _MISREAD as error:
        if "://" in storage or _damaged_line(Path(storage)) is None:
            raise
        raise _damaged(Path(storage), error) from None
    except (SQLAlchemyError, OptunaError, OSError, ImportError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, OptunaError) and error.__cause__ else error
        reason = shown(str(cause).strip().splitlines()[0]) if str(cause) else type(cause).__name__
        raise UserError(
            f"study storage {shown(storage)}: cannot be used ({reason[:300]}); finished trials "
            "stand; mend it and give the same command again, or name another with --storage"
        ) from None


def open_storage(storage: str) -> BaseStorage:
    """The storage behind an SQLAlchemy URL or the path of a journal.

    Raises:
        UserError: it is in memory, or a file that is no journal.
    """
    if "://" in storage:
        return _database(storage)
    path = Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    _require_journal(path)
    try:
        return JournalStorage(_Journal(str(path), _Lock(str(path)) if fcntl else None))
    except _MISREAD as error:
        raise _damaged(path, error) from None


def _database(url: str) -> BaseStorage:
    try:
        address = make_url(url)
    except ValueError as error:
        raise UserError(f"--storage {shown(url)}: is no address ({error})") from None
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise UserError(
            f"--storage {url}: is a database in memory, which ends with each process; name a file, "
            "for instance sqlite:///study.db"
        )
    if address.get_backend_name() != "sqlite":
        probe(url)  # a host that does not answer would be waited for for minutes
    url = with_driver(url)
    for _ in range(RIVALS):
        try:
            return RDBStorage(url)
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            # of two processes that make the tables of a new database at once, one fails
            if "exists" not in str(error) and not isinstance(error, IntegrityError):
                raise
            time.sleep(0.1)
    return RDBStorage(url)


class _Journal(JournalFileBackend):
    """Optuna's journal, whose lines stay whole: what was written of a line when its writer died
    or the disk was full is taken out before the next one is written."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        path = Path(self._file_path)
        try:
            with get_lock_file(self._lock):
                _mend_torn_line(path)
                before = path.stat().st_size
                try:
                    with path.open("ab", buffering=0) as file:
                        _write_all(file, "".join(lines).encode())
                        os.fsync(file.fileno())
                except OSError:
                    os.truncate(path, before)
                    raise
        except OSError as error:
            raise StorageInternalError("the journal cannot be written") from error


def _write_all(file: Any, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


class _Lock(BaseJournalFileLock):
    """One writer at a time. The system lets go of it when its holder is killed, so that nobody
    waits for the dead."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        self._file: Any = None

    def acquire(self) -> bool:
        file = Path(self._path).open("ab")  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        return True

    def release(self) -> None:
        self._file.close()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other command is here with the same folder; where the system cannot lock
    files, nobody waits."""
    with ExitStack() as stack:
        if fcntl is not None:
            lock = _Lock(str(folder / "command"))
            with suppress(OSError):
                lock.acquire()
                stack.callback(lock.release)
        yield


def _mend_torn_line(path: Path) -> None:
    """Take out a last line without an end, under the lock; its bytes are kept beside the file."""
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


def _require_journal(path: Path) -> None:
    """Refuse a file that is something else, before it is written to."""
    if not path.exists():
        return
    with path.open("rb") as file:
        first = file.read(len(_BEGINNING))
    if not _BEGINNING.startswith(first) and first.strip(b"\0"):
        raise UserError(
            f"--storage {path}: is a file, but no journal of a study; a database is given as "
            "sqlite:///FILE"
        )


def _damaged(path: Path, error: Exception) -> UserError:
    line = _damaged_line(path)
    what = f"line {line} is damaged" if line else "a line does not fit the others"
    return UserError(
        f"{path}: {what} ({type(error).__name__}); nothing was changed; "
        "take a damaged line out of a copy and put the copy in its place, or move the file away "
        "to begin anew"
    )


def _damaged_line(journal: Path) -> int | None:
    """The first line that is no entry of a journal."""
    with suppress(OSError):
        for number, line in enumerate(journal.read_bytes().splitlines(), 1):
            try:
                json.loads(line)["op_code"]
            except (ValueError, LookupError, TypeError):
                return number
    return None
