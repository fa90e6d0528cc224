"""A run of the MLflow store, fetched with its files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.exceptions import MlflowException

from framework.base.databases import shown
from framework.base.errors import UserError
from framework.tracking import store
from framework.tracking.client import MlflowClient, as_user_error
from framework.tracking.places import follow_moved_folder


@dataclass(frozen=True)
class Recorded:
    """What MLflow holds of one run.

    Attributes:
        kind: ``cell`` of a benchmark, or ``trial`` of a tuning.
        folder: its files (run.json, checkpoints, ...).
    """

    kind: str
    folder: Path
    metrics: dict[str, float]


def recorded(run_id: str, runs: Path, *kinds: str) -> Recorded:
    """A finished cell or trial, its files copied below ``runs/downloads``.

    Args:
        kinds: what is wanted; both where none is named.

    Raises:
        UserError: the store has no such run, or it is of another kind or did not finish.
    """
    uri = store.store_uri(runs)
    store.require_something_tracked(runs)
    kinds = kinds or ("cell", "trial")
    target = runs / "downloads" / run_id
    with as_user_error(uri, "check the store and MLFLOW_TRACKING_URI"):
        follow_moved_folder(runs)
        client = MlflowClient(uri)
        try:
            run = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(
                f"'{run_id}' is not a run in {shown(uri)}; copy a run id from `phasezoo ui`"
            ) from None
        _require(run_id, run.data.tags.get("kind", "stranger"), run.info.status, kinds)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                files = Path(scratch, "files")
                files.mkdir()
                Path(client.download_artifacts(run_id, "", str(files))).replace(target)
    return Recorded(run.data.tags["kind"], target, dict(run.data.metrics))


def _require(run_id: str, kind: str, status: str, kinds: tuple[str, ...]) -> None:
    """Refuse a run of another kind, or one that did not finish."""
    if kind in kinds and status == "FINISHED":
        return
    what = f"has ended as {status}" if kind in kinds else f"is a {kind}"
    wanted = "cell of a benchmark" + (", or trial of a study" if "trial" in kinds else "")
    raise UserError(f"run '{run_id}' {what}; give a finished child: {wanted}")
