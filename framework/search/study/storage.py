"""Where an Optuna study is kept: a journal file or a database, and what can go wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from framework.base.databases import probe, shown, with_driver
from framework.base.errors import UserError
from framework.search.study.journal import MISREAD, Journal, damaged, damaged_line, require_journal

RIVALS = 5
"""Times that the tables of a database are tried to be made."""


@contextmanager
def usable(storage: str) -> Iterator[None]:
    """What goes wrong with the storage as one message.

    Raises:
        UserError: it cannot be reached, read or written; nothing in it is changed.
    """
    try:
        yield
    except MISREAD as error:
        if "://" in storage or damaged_line(Path(storage)) is None:
            raise
        raise damaged(Path(storage), error) from None
    except (SQLAlchemyError, OptunaError, OSError, ImportError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, OptunaError) and error.__cause__ else error
        reason = shown(str(cause).strip().splitlines()[0]) if str(cause) else type(cause).__name__
        raise UserError(
            f"study storage {shown(storage)}: cannot be used ({reason[:300]}); finished trials are "
            "kept; fix it and run the same command to continue, or name another with --storage"
        ) from None


def open_storage(storage: str) -> BaseStorage:
    """The storage behind an SQLAlchemy URL or the path of a journal.

    Raises:
        UserError: it is in memory, or a file that is not a journal.
    """
    if "://" in storage:
        return _database(storage)
    path = Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    require_journal(path)
    try:
        return JournalStorage(Journal(path))
    except MISREAD as error:
        raise damaged(path, error) from None


def _database(url: str) -> BaseStorage:
    try:
        address = make_url(url)
    except ValueError as error:
        raise UserError(f"--storage {shown(url)}: is not a valid address ({error})") from None
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
