"""The MLflow store, opened; values, settings and files as MLflow takes them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from framework.tracking import store
from framework.tracking.store import store_uri

os.environ.update({**store.QUIET, **os.environ})

from mlflow import entities
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from framework.base.databases import probe, sqlite_file
from framework.tracking.places import follow_moved_folder

LONGEST_PARAM, LONGEST_TAG = 500, 5000
"""Characters that every MLflow server takes, old ones too."""

PARAMS_A_CALL, METRICS_A_CALL = 100, 900

CREATION = 7_264_011
"""The advisory lock of a PostgreSQL server under which a store is made."""


def open_store(runs: Path) -> MlflowClient:
    """A client of the store; its tables are made where there are none.

    Commands that make one store at the same moment do not disturb each other, and one that is
    killed meanwhile leaves nothing half made.

    Raises:
        UserError: it cannot be reached or written.
    """
    uri = store_uri(runs)
    with as_user_error(uri, "track elsewhere (MLFLOW_TRACKING_URI), or not at all (--no-track)"):
        file = sqlite_file(uri)
        if file is not None and not file.exists():
            _make(file)
        probe(uri)
        follow_moved_folder(runs)
        with store.impatient(), _making(uri):
            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
    return client


def _make(file: Path) -> None:
    """A store in a new SQLite file, which appears with all of its tables; of several commands
    the first one's stands."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        MlflowClient(store.sqlite_uri(scratch)).search_experiments(max_results=1)
        try:
            file.hardlink_to(scratch)
        except FileExistsError:
            pass  # another command was quicker
        except OSError:  # a file system without hard links
            if not file.exists():
                scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def _making(uri: str) -> Iterator[None]:
    """One command at a time makes the tables of a PostgreSQL database."""
    if not uri.startswith("postgresql"):
        yield
        return
    engine = create_engine(uri)
    with closing(engine.connect()) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": CREATION})
        yield  # the lock ends with the connection
    engine.dispose()


def log_values(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, str],
    metrics: list[Metric],
    tags: Mapping[str, str],
) -> None:
    """Params, metrics and tags in as few calls as MLflow's limits allow."""
    given = [entities.Param(key, value) for key, value in params.items()]
    labels = [entities.RunTag(key, value) for key, value in cut(tags).items()]
    while given or metrics or labels:
        client.log_batch(run_id, metrics[:METRICS_A_CALL], given[:PARAMS_A_CALL], labels)
        given, metrics, labels = given[PARAMS_A_CALL:], metrics[METRICS_A_CALL:], []


def log_path(client: MlflowClient, run_id: str, path: Path) -> None:
    """A file, or a folder under its own name."""
    if path.is_dir():
        client.log_artifacts(run_id, str(path), path.name)
    else:
        client.log_artifact(run_id, str(path))


def flat(content: Any, prefix: str = "") -> dict[str, str]:
    """Settings with dotted keys, as MLflow's params; ``parameters`` leaves no trace in a key."""
    if isinstance(content, list) and any(isinstance(item, dict) for item in content):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping):
        value = content if isinstance(content, str) else json.dumps(content)
        if len(value) > LONGEST_PARAM:
            value = value[: LONGEST_PARAM - 1] + "…"
        return {valid_key(prefix): value}
    flattened: dict[str, str] = {}
    for key, inner in content.items():
        flattened |= flat(inner, prefix if key == "parameters" else f"{prefix}.{key}".lstrip("."))
    return flattened


def valid_key(name: str) -> str:
    """A name without the characters that MLflow refuses."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250]


def cut(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as long as every server takes them."""
    return {key: value[:LONGEST_TAG] for key, value in tags.items()}


def as_user_error(uri: str, fix: str) -> AbstractContextManager[None]:
    """What goes wrong with the store as one message that ends with how to fix it."""
    return store.as_user_error(uri, fix, (MlflowException, SQLAlchemyError))
