"""Which MLflow store the runs go to, whether it can be used, and the user interface on it.

Without mlflow itself, whose import takes seconds: `tracking` logs, and this file is what
`phasezoo ui` needs.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.base.databases import PATIENCE, shown, with_driver
from framework.base.errors import UserError

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Set before mlflow is imported, where the user has not: nothing is sent to MLflow's makers, no
bar for a handful of files, no two lines printed for every run on a server."""


def store_uri(runs: Path) -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else the SQLite file in the folder of results."""
    return with_driver(os.environ.get("MLFLOW_TRACKING_URI", "")) or sqlite_uri(default_file(runs))


def sqlite_uri(file: Path) -> str:
    """The address of an SQLite file."""
    return "sqlite:///" + file.as_posix().replace("%", "%25").replace("?", "%3F")


def default_file(runs: Path) -> Path:
    """The store in a folder of results."""
    return runs.resolve() / "mlflow.db"


def require_something_tracked(runs: Path) -> None:
    """Refuse a folder of results in which nothing was logged; its store is not made.

    Raises:
        UserError: there is no store.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI") and not default_file(runs).exists():
        raise UserError(
            f"{runs / 'mlflow.db'}: nothing is tracked there yet; run `phasezoo benchmark` first, "
            "or name another folder with --runs"
        )


@contextmanager
def impatient() -> Iterator[None]:
    """Let a server that does not answer fail in seconds."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextmanager
def as_user_error(uri: str, fix: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """What goes wrong with the store as one message; MLflow's own chatter is kept from the user.

    Args:
        fix: what the user can do about it.
        errors: what mlflow and its database layer raise, beside the files and sockets below.
    """
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3")]
    levels = [logger.level for logger in loggers]
    known: tuple[type[Exception], ...] = (*errors, sqlite3.Error, OSError, ImportError)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except known as error:
        cause = str(error).rpartition("Caused by ")[2].strip().split("\n")[0][:300]
        raise UserError(
            f"MLflow store {shown(uri)}: cannot be used ({shown(cause)}); {fix}"
        ) from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
