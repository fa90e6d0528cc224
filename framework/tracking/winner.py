"""The winner of a work as a model that MLflow serves, and under a name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
from mlflow import entities
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient

from framework.base.errors import UserError
from framework.contracts.tracker import Winner


def log(
    client: MlflowClient, group: str, parent: str, tags: Mapping[str, str], winner: Winner
) -> None:
    """Log a winner as a model of its parent run, unless it is there already.

    Without globals: MLflow's own ``log_model`` needs an active run, and sends a model whose run
    is merely named to the experiment "Default".

    Args:
        group: id of the MLflow experiment.
        parent: id of the run.
        tags: of the model.
    """
    if client.get_run(parent).data.tags.get("winner_cell") == winner.key:
        return
    model = client.create_logged_model(group, "winner", parent, tags={**tags, "cell": winner.key})
    described = Model(artifact_path=model.artifact_location, run_id=parent, model_id=model.model_id)
    with tempfile.TemporaryDirectory() as scratch:
        needed, saved = Path(scratch, "run"), Path(scratch, "model")
        unneeded = shutil.ignore_patterns("cell.nc", "ranking.csv", "figures")
        shutil.copytree(winner.folder, needed, ignore=unneeded)
        mlflow.pyfunc.save_model(
            saved,
            python_model=Path(__file__).with_name("served_model.py"),
            artifacts={"run": str(needed)},
            mlflow_model=described,
            pip_requirements=[f"phasezoo=={version('phasezoo')}"],  # inferring them takes 10 s
        )
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(parent, [entities.LoggedModelOutput(model.model_id, 0)])
    client.set_tag(parent, "winner_model", f"models:/{model.model_id}")
    client.set_tag(parent, "winner_cell", winner.key)


def require_name(name: str) -> None:
    """Refuse a name under which MLflow registers nothing.

    Raises:
        UserError: with what is wrong with it.
    """
    wrong = ""
    if not name.strip():
        wrong = "is empty"
    elif any(mark in name for mark in "/:"):
        wrong = "holds '/' or ':', which MLflow does not take in a name"
    elif name in (".", "..") or not name.isprintable():
        wrong = "is not a name that MLflow takes"
    elif len(name) > 256:
        wrong = "is longer than 256 characters"
    if wrong:
        raise UserError(f"--register '{name}': {wrong}; give a name such as 'phase-field-vae'")


def require_better(winner: Winner, name: str) -> None:
    """Refuse a winner that should not be handed on.

    Raises:
        UserError: with why.
    """
    if winner.refused:
        raise UserError(
            f"--register {name}: not registered, because the tuned settings are significantly "
            f"worse than the defaults on the hold-out ({winner.refused}); all else is logged"
        )


def register(client: MlflowClient, parent: str, name: str) -> None:
    """Register the logged winner as a new version of a model; once a winner and name."""
    source = client.get_run(parent).data.tags["winner_model"]
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = client.get_logged_model(source.removeprefix("models:/"))
    # by its place: a model's URI would be looked for in the store that is MLflow's default
    place = model.artifact_location
    if place in [each.source for each in client.search_model_versions(f"name = '{name}'")]:
        return
    client.create_model_version(name, place, parent, model_id=model.model_id)
