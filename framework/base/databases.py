"""Addresses of databases: reachable or not, and shown without passwords."""

from __future__ import annotations

import re
import socket
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from framework.base.errors import UserError

DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}

PATIENCE = 5
"""Seconds that a server has for its first answer."""


def with_driver(uri: str) -> str:
    """``postgresql://`` means psycopg2 to SQLAlchemy 2.0 and psycopg to 2.1: take what is there."""
    scheme, _, rest = uri.partition(":")
    drivers = [name for name in ("psycopg", "psycopg2") if find_spec(name)]
    return f"postgresql+{drivers[0]}:{rest}" if scheme == "postgresql" and drivers else uri


def probe(uri: str) -> None:
    """What MLflow itself would retry for minutes: a damaged or locked file, a dead database."""
    parts = address(uri)
    kind = parts.scheme.partition("+")[0]
    if (file := sqlite_file(uri)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=PATIENCE)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT count(*) FROM sqlite_master")
            database.rollback()
    elif kind in DATABASE_PORTS and parts.hostname:
        port = parts.port or DATABASE_PORTS[kind]
        socket.create_connection((parts.hostname, port), PATIENCE).close()


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address; None where it is another one or in memory."""
    from sqlalchemy.engine import make_url

    if address(uri).scheme.partition("+")[0] != "sqlite":
        return None
    name = make_url(uri).database
    return Path(name) if name else None


def shown(uri: str) -> str:
    """A store's address, or a text with it, without user name and password."""
    return re.sub(r"://[^/@\s]*@", "://", uri)


def address(uri: str) -> SplitResult:
    """The parts of an address.

    Raises:
        UserError: it is not one.
    """
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise UserError(
            f"MLFLOW_TRACKING_URI: {shown(uri)} is not a valid address ({error})"
        ) from None
