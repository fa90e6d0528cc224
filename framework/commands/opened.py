"""The finished run that a verb was given: by folder, digest, or id in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framework.base.errors import UserError, nearest
from framework.registry.registry import ENCODERS
from framework.runs.finished import find_run, is_mlflow_id, is_run

if TYPE_CHECKING:
    from framework.runs.saved import SavedRun


def opened(model: str, runs: Path) -> SavedRun:
    """The finished run that stands where an encoder's name could."""
    try:
        return saved_run(model, runs)
    except UserError:
        if is_run(model, runs) or is_mlflow_id(model):
            raise
        hint = nearest(model, ENCODERS.names())
        raise UserError(
            f"'{model}' is neither a registered encoder nor a finished run in {runs}; {hint}"
        ) from None


def saved_run(run: str, runs: Path) -> SavedRun:
    from framework.runs.saved import SavedRun

    try:
        return SavedRun.open(find_run(run, runs))
    except UserError:
        if not is_mlflow_id(run):
            raise
    from framework.tracking import mlflow as tracking

    return SavedRun.open(tracking.recorded(run, runs, "cell").folder)
