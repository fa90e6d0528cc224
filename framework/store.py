"""Which MLflow store the runs go to, whether it can be used, and the user interface on it.

Without mlflow itself, whose import takes seconds: `tracking` logs, and this file is what
`phasezoo ui` needs.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from framework.errors import UserError

HOST = "127.0.0.1"
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
PATIENCE = 5
"""Seconds that a server has for its first answer."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Set before mlflow is imported, where the user has not: nothing is sent to MLflow's makers, no
bar for a handful of files, no two lines printed for every run on a server."""


def store_uri(runs: Path) -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else the SQLite file in the folder of results."""
    path = _default_file(runs).as_posix().replace("%", "%25").replace("?", "%3F")
    return with_driver(os.environ.get("MLFLOW_TRACKING_URI", "")) or f"sqlite:///{path}"


def with_driver(uri: str) -> str:
    """``postgresql://`` means psycopg2 to SQLAlchemy 2.0 and psycopg to 2.1: take what is there."""
    scheme, _, rest = uri.partition(":")
    drivers = [name for name in ("psycopg", "psycopg2") if find_spec(name)]
    return f"postgresql+{drivers[0]}:{rest}" if scheme == "postgresql" and drivers else uri


def require_something_tracked(runs: Path) -> None:
    """Refuse a folder of results in which nothing was logged; its store is not made.

    Raises:
        UserError: there is no store.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI") and not _default_file(runs).exists():
        raise UserError(
            f"{runs / 'mlflow.db'}: nothing is tracked there yet; run `phasezoo benchmark` first, "
            "or name another folder with --runs"
        )


def probe(uri: str) -> None:
    """What MLflow itself would retry for minutes: a damaged or locked file, a dead database."""
    from sqlalchemy.engine import make_url

    parts = _parts(uri)
    kind = parts.scheme.partition("+")[0]
    if kind == "sqlite" and (name := make_url(uri).database):
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=PATIENCE)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT count(*) FROM sqlite_master")
            database.rollback()
    elif kind in DATABASE_PORTS and parts.hostname:
        port = parts.port or DATABASE_PORTS[kind]
        socket.create_connection((parts.hostname, port), PATIENCE).close()


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
def as_user_error(uri: str, mend: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """What goes wrong with the store as one message; MLflow's own chatter is kept from the user.

    Args:
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
            f"MLflow store {shown(uri)}: cannot be used ({shown(cause)}); {mend}"
        ) from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def ui_command(runs: Path, port: int) -> list[str]:
    """The command line of MLflow's user interface on the store.

    Raises:
        UserError: nothing is tracked yet, or the store is a server with an interface of its own.
    """
    uri = store_uri(runs)
    if _parts(uri).scheme in ("http", "https"):
        raise UserError(f"MLFLOW_TRACKING_URI is a server: open {shown(uri)} in a browser")
    require_something_tracked(runs)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    # one worker: a laptop has one user; the default of four costs gigabytes
    options = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    return [*command, "--host", HOST, "--port", str(port), *options]


def serve_ui(runs: Path, port: int = 5000) -> int:
    """Run the user interface until it is interrupted or terminated.

    Returns:
        its exit code.

    Raises:
        UserError: as `ui_command`, or the port is taken.
    """
    command = ui_command(runs, port)
    try:
        socket.create_server((HOST, port)).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be used ({error}); choose another: --port") from None
    print(f"MLflow on http://{HOST}:{port} (Ctrl+C ends it)", flush=True)
    quiet = {**QUIET, **os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # a session of its own: told to end by the terminal and by its parent, it shows a traceback
    server = subprocess.Popen(command, env=quiet, start_new_session=True)
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        return server.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def shown(uri: str) -> str:
    """A store's address, or a text with it, without user name and password."""
    return re.sub(r"://[^/@\s]*@", "://", uri)


def _default_file(runs: Path) -> Path:
    return runs.resolve() / "mlflow.db"


def _parts(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise UserError(f"MLFLOW_TRACKING_URI: {shown(uri)} is no address ({error})") from None
