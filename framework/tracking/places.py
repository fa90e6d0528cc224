"""Where the files of a store lie, after its folder was moved or copied.

MLflow keeps absolute addresses of files, so those in the store of a folder of results would point
to where the folder was. Without mlflow itself, for the user interface.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from framework.base.databases import PATIENCE
from framework.tracking.store import default_file

ADDRESSES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Columns of MLflow's tables that hold addresses of files."""


def follow_moved_folder(runs: Path) -> int:
    """Let the addresses in the store of a folder of results point into this folder again.

    Only where the store is in the folder and its files lie beside it; a store that somebody
    copied alone still points to the files where they are.

    Returns:
        how many addresses were changed.
    """
    file = default_file(runs)
    if os.environ.get("MLFLOW_TRACKING_URI") or not file.exists():
        return 0
    if not (file.parent / "artifacts").is_dir():
        return 0
    here = file.parent.as_uri()
    with closing(sqlite3.connect(file, timeout=PATIENCE)) as database:
        elsewhere = _folders(database) - {here}
        if not elsewhere:
            return 0
        changed = 0
        with database:
            for there in elsewhere:
                for table, columns in ADDRESSES.items():
                    for column in columns:
                        changed += database.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                            f"WHERE substr({column}, 1, ?) = ?",
                            (here, len(there) + 1, len(there) + 11, f"{there}/artifacts/"),
                        ).rowcount
    return changed


def _folders(database: sqlite3.Connection) -> set[str]:
    """The folders of results that the experiments of a store point to."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not tables.issuperset(ADDRESSES):
        return set()
    places = database.execute("SELECT artifact_location FROM experiments")
    ours = (re.fullmatch(r"(file://.*)/artifacts/[^/]+", place or "") for (place,) in places)
    return {match[1] for match in ours if match}
