"""What keeps the results of a verb: MLflow, or nothing."""

from __future__ import annotations

from pathlib import Path

from framework.base.errors import UserError
from framework.contracts.tracker import NOT_TRACKED, Tracker


def tracker(runs: Path, *, track: bool, register: str | None = None) -> Tracker:
    """MLflow, or nothing.

    Args:
        register: name under which the winner of a study is registered in MLflow.

    Raises:
        UserError: a model is to be registered without MLflow.
    """
    if not track:
        if register is not None:
            raise UserError("--register: a model is registered in MLflow; leave --no-track out")
        return NOT_TRACKED
    from framework.tracking.tracker import MlflowTracker

    return MlflowTracker(runs, register)
