"""The finished run that a verb was given: by folder, digest, id in MLflow, or as ``last``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framework.base.errors import UserError, nearest
from framework.registry.registry import ENCODERS
from framework.runs.finished import find_run, is_mlflow_id, is_run, last_run

if TYPE_CHECKING:
    from framework.runs.saved import SavedRun

LAST = "last"

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Folder, digest, MLflow run id, or `last`.")
]


def named_run(run: str, runs: Path) -> str:
    """The name of a run; ``last`` becomes the digest of the one it stands for.

    Raises:
        UserError: there is no last run yet.
    """
    return last_run(runs).name if run == LAST else run


def opened(model: str, runs: Path) -> SavedRun:
    """The finished run that stands where an encoder's name could.

    Raises:
        UserError: there is no such encoder or run, or its files are damaged.
    """
    try:
        return saved_run(model, runs)
    except UserError:
        if model == LAST or is_run(model, runs) or is_mlflow_id(model):
            raise
        hint = nearest(model, ENCODERS.names())
        raise UserError(
            f"'{model}' is neither a registered encoder nor a finished run in {runs}; {hint}"
        ) from None


def saved_run(run: str, runs: Path) -> SavedRun:
    """A finished run, opened.

    Raises:
        UserError: there is no such run, or its files are damaged.
    """
    from framework.runs.saved import SavedRun

    try:
        return SavedRun.open(find_run(named_run(run, runs), runs))
    except UserError:
        if not is_mlflow_id(run):
            raise
    from framework.tracking.recorded import recorded

    return SavedRun.open(recorded(run, runs, "cell").folder)
