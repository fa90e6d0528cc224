"""What is logged to MLflow: a run per benchmark and per cell, and the winner as a model.

Only this file and `served_model` import mlflow; where the store is says `store`.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.tracking import store
from framework.tracking.store import store_uri

os.environ.update({**store.QUIET, **os.environ})

import mlflow.pyfunc
from mlflow import entities
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from framework.base.databases import probe, shown
from framework.base.digest import digest
from framework.base.errors import UserError
from framework.benchmark.leaderboard import leaderboard, to_markdown
from framework.config.experiment import Experiment
from framework.registry.registry import DATASETS, ROOT

if TYPE_CHECKING:
    import xarray as xr

    from framework.benchmark.benchmark import Outcome
    from framework.config.optimisation import Optimisation
    from framework.runs.run import Run

LARGEST_CELL = 2_000_000
"""Bytes of a cell.nc up to which it is logged beside its run; its folder holds it anyway."""

LONGEST_PARAM, LONGEST_TAG = 500, 5000
"""Characters that every MLflow server takes, old ones too."""

PARAMS_A_CALL, METRICS_A_CALL = 100, 900


def require_store(runs: Path) -> None:
    """Open the store, before anything is computed; a SQLite file is created where there is none.

    Raises:
        UserError: it cannot be reached or written.
    """
    uri = store_uri(runs)
    with as_user_error(uri, "track elsewhere (MLFLOW_TRACKING_URI), or not at all (--no-track)"):
        probe(uri)
        with store.impatient():
            MlflowClient(uri).search_experiments(max_results=1)


def log_benchmark(
    experiment: Experiment, outcome: Outcome, runs: Path, parent: str | None = None
) -> str:
    """Log what is not logged yet: a parent run of the benchmark, a child for each of its cells.

    The parent is found again by its settings and the digests of its cells, so a repeated or
    continued benchmark goes on in the same one. A child left open by a killed process is
    deleted and logged anew. A failed cell is a FAILED child, and stays when it succeeds later.

    Args:
        parent: a run below which that of the benchmark stands.

    Returns:
        the id of the parent run.

    Raises:
        UserError: the store failed; a later call logs the rest.
    """
    uri = store_uri(runs)
    with as_user_error(uri, f"results stand in {outcome.folder}; run again to log the rest"):
        cells = digest(sorted(run.digest for run in outcome.plan))[:16]
        many = {
            "encoder": ", ".join(component.title for component in experiment.encoders),
            "split": ", ".join(component.title for component in experiment.splits),
            "seed": ", ".join(map(str, experiment.seeds)),
            **({"mlflow.parentRunId": parent} if parent else {}),
        }
        settings = outcome.plan[0].settings["dataset"]
        known_by = {"config_digest": config_digest(experiment), "cells_digest": cells}
        log = open_log(experiment, settings, runs, "benchmark", known_by, many)
        done = _already_logged(log)
        news = log.client.get_run(log.parent).info.status == "RUNNING"
        for run in {run.digest: run for run in outcome.plan}.values():
            cause = outcome.failures.get(run.digest, "")[:LONGEST_TAG]
            if (run.digest, cause) in done or not (cause or run.finished(runs)):
                continue
            if not news:
                log.client.update_run(log.parent, status="RUNNING")
            news = True
            _log_failure(log, run, cause) if cause else _log_cell(log, run, run.folder(runs))
        if news:
            _log_summary(log, experiment, outcome, runs)
            status = "FAILED" if outcome.failures else "FINISHED"
            log.client.set_terminated(log.parent, status)
        return log.parent


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
    uri = store_uri(runs)
    store.require_something_tracked(runs)
    kinds = kinds or ("cell", "trial")
    target = runs / "downloads" / run_id
    with as_user_error(uri, "check the store and MLFLOW_TRACKING_URI"):
        client = MlflowClient(uri)
        try:
            run = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(
                f"'{run_id}' is no run in {shown(uri)}; copy a run id from `phasezoo ui`"
            ) from None
        kind, status = run.data.tags.get("kind", "stranger"), run.info.status
        if kind not in kinds or status != "FINISHED":
            what = f"has ended as {status}" if kind in kinds else f"is a {kind}"
            wanted = "cell of a benchmark" + (", or trial of a study" if "trial" in kinds else "")
            raise UserError(f"run '{run_id}' {what}; give a finished child: {wanted}")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                files = Path(scratch, "files")
                files.mkdir()
                Path(client.download_artifacts(run_id, "", str(files))).replace(target)
    return Recorded(kind, target, dict(run.data.metrics))


@dataclass(frozen=True)
class Log:
    """Where the runs of one benchmark or study go, and what all of them carry."""

    client: MlflowClient
    experiment: str
    parent: str
    tags: dict[str, str]
    data: entities.DatasetInput | None = None


def open_log(
    experiment: Experiment,
    dataset: dict[str, Any],
    runs: Path,
    kind: str,
    known_by: dict[str, str],
    tags: dict[str, str],
) -> Log:
    """The parent run of a benchmark or a study, found again by its digests or begun.

    Args:
        dataset: name and settings.
        known_by: digests that tell the run from others, as tags.
        tags: of a new parent run alone.
    """
    client = MlflowClient(store_uri(runs))
    data = DATASETS.load(dataset["name"])(**dataset["parameters"])
    common = {
        "dataset": str(data.attrs["name"]),
        "task": experiment.task.name,
        "study": experiment.name,
        "config_digest": config_digest(experiment),
    }
    where = experiment_id(client, experiment.task.name, runs)
    common |= code_tags()
    own, params = {**common, **tags}, flat(experiment.model_dump(mode="json"))
    parent = find_or_begin(client, where, experiment.name, kind, known_by, own, params)
    return Log(client, where, parent, common, _dataset_input(data, dataset))


def find_or_begin(
    client: MlflowClient,
    where: str,
    name: str,
    kind: str,
    known_by: dict[str, str],
    tags: dict[str, str],
    params: dict[str, str],
) -> str:
    """The id of a parent run, found again by its kind and digests, or begun.

    Args:
        where: the id of its MLflow experiment.
        tags, params: of a new run alone.
    """
    if found := _parent(client, where, kind, known_by):
        return found
    cut = {key: value[:LONGEST_TAG] for key, value in {**known_by, **tags, "kind": kind}.items()}
    begun = str(client.create_run(where, tags=cut, run_name=name).info.run_id)
    found = _parent(client, where, kind, known_by) or begun
    if found != begun:  # another process was quicker
        client.delete_run(begun)
    else:
        log_values(client, begun, params, [])
    return found


def code_tags() -> dict[str, str]:
    """Which code made a run."""
    return {"git_commit": _git_commit(), "phasezoo_version": version("phasezoo")}


def config_digest(experiment: Experiment | Optimisation) -> str:
    """What the tag of this name says: 16 hex digits."""
    return digest(experiment.model_dump(mode="json"))[:16]


def _parent(client: MlflowClient, where: str, kind: str, known_by: dict[str, str]) -> str | None:
    """The oldest run of this kind with these tags."""
    known = " and ".join(
        f"tags.{key} = '{value}'" for key, value in {"kind": kind, **known_by}.items()
    )
    found = client.search_runs([where], known, order_by=["start_time ASC"], max_results=1)
    return str(found[0].info.run_id) if found else None


def experiment_id(client: MlflowClient, name: str, runs: Path) -> str:
    """The MLflow experiment of a task, created or restored where need be."""
    found = client.get_experiment_by_name(name)
    if found is None:
        own = not os.environ.get("MLFLOW_TRACKING_URI")
        place = (runs.resolve() / "artifacts" / name).as_uri() if own else None
        return str(client.create_experiment(name, artifact_location=place))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _dataset_input(data: xr.Dataset, dataset: dict[str, Any]) -> entities.DatasetInput:
    told = {key: str(data.attrs[key]) for key in ("title", "source", "licence", "citation")}
    source = CodeDatasetSource(told | flat(dataset))
    entity = entities.Dataset(
        name=str(data.attrs["name"]),
        digest=str(data.attrs["digest"])[:36],
        source_type="code",
        source=json.dumps(source.to_dict()),
        profile=json.dumps({"num_rows": data.sizes["material"]}),
    )
    return entities.DatasetInput(entity, [entities.InputTag("mlflow.data.context", "training")])


def _already_logged(log: Log) -> set[tuple[str, str]]:
    """(digest, cause of failure or "") of the children; those left open are deleted."""
    done = set()
    for child in children(log):
        if "cell" not in child.data.tags:
            continue
        if child.info.status == "RUNNING":
            log.client.delete_run(child.info.run_id)
        else:
            done.add((child.data.tags["cell"], child.data.tags.get("failure", "")))
    return done


def children(log: Log) -> list[entities.Run]:
    """All runs right below the parent."""
    found: list[entities.Run] = []
    page, wanted = None, f"tags.mlflow.parentRunId = '{log.parent}'"
    while page is None or page.token:
        token = page.token if page else None
        page = log.client.search_runs([log.experiment], wanted, max_results=500, page_token=token)
        found += page
    return found


def _log_cell(log: Log, run: Run, folder: Path) -> None:
    from framework.runs.cell import read_cell

    cell = read_cell(folder)
    ended = int((folder / "cell.nc").stat().st_mtime * 1000)
    started = ended - int(1000 * (cell.attrs["seconds_fit"] + cell.attrs["seconds_score"]))
    verdict, reasons, _ = json.loads(cell.attrs["audit"])
    audited = {"audit": verdict, "audit_reasons": "; ".join(reasons)[:LONGEST_TAG]}
    child = _child(log, run, started, audited)
    sizes = {key: str(value) for key, value in cell.attrs.items() if key.startswith("n_")}
    metrics = [Metric(key, value, ended, step) for key, value, step in _measured(cell)]
    log_values(log.client, child, flat(run.settings) | sizes, metrics)
    for path in sorted(folder.iterdir()):
        if path.name != "cell.nc" or path.stat().st_size <= LARGEST_CELL:
            log_path(log.client, child, path)
    log.client.set_terminated(child, "FINISHED", end_time=ended)


def _log_failure(log: Log, run: Run, cause: str) -> None:
    child = _child(log, run, None, {"failure": cause})
    log_values(log.client, child, flat(run.settings), [])
    log.client.set_terminated(child, "FAILED")


def _child(log: Log, run: Run, started: int | None, more: dict[str, str]) -> str:
    tags = {"kind": "cell", "cell": run.digest, **more}
    return new_child(log, run, f"{run.encoder} {run.split} {run.seed}", started, tags)


def new_child(log: Log, run: Run, name: str, started: int | None, tags: dict[str, str]) -> str:
    """Begin a child run; its id. ``started``: milliseconds since 1970, now where None."""
    place = {"encoder": run.encoder, "split": run.split, "seed": str(run.seed)}
    own = {**log.tags, **place, "mlflow.parentRunId": log.parent, **tags}
    child = log.client.create_run(log.experiment, started, own, run_name=name).info.run_id
    if log.data is not None:
        log.client.log_inputs(child, [log.data])
    return str(child)


def _measured(cell: xr.Dataset) -> Iterator[tuple[str, float, int]]:
    """(name, value, step) of all that a cell measured; in a curve the step is the epoch, from 1."""
    for metric in cell["metric"].values:
        of = cell.sel(metric=metric)
        yield f"holdout/{metric}", float(of["value"]), 0
        for side in ("low", "high", "random"):
            yield f"holdout/{metric}_{side}", float(of[side]), 0
    for step in ("fit", "score"):
        yield f"seconds/{step}", float(cell.attrs[f"seconds_{step}"]), 0
    for name in ("variance", "kl"):  # the step is the latent dimension: a dead one shows
        if f"latent_{name}" in cell:
            for dimension, value in enumerate(cell[f"latent_{name}"].values):
                yield f"latent/{name}", float(value), dimension
    for name, value in json.loads(cell.attrs["audit"])[2].items():
        if math.isfinite(value):
            yield f"audit/{name}", value, 0
    for name, values in json.loads(cell.attrs["history"]).items():
        named = valid_key(re.sub("^(train|validation)_", r"\1/", name))
        yield from ((named, float(value), epoch) for epoch, value in enumerate(values, 1))


def _log_summary(log: Log, experiment: Experiment, outcome: Outcome, runs: Path) -> None:
    """What the parent run shows of all cells."""

    for path in ("experiment.yaml", "leaderboard.csv", "leaderboard.md", "results.nc", "figures"):
        if (outcome.folder / path).exists():
            log_path(log.client, log.parent, outcome.folder / path)
    if outcome.results is None:
        return
    table = leaderboard(outcome.results)
    shown = f"{experiment.description}\n\n{to_markdown(table, outcome.results)}"
    log.client.set_tag(log.parent, "mlflow.note.content", shown[:LONGEST_TAG])
    best = table.iloc[0]
    if best["verdict"] == "incomplete":
        return
    columns = [
        f"{m}{part}" for m in experiment.metrics for part in ("", "_low", "_high", "_random")
    ]
    now = int(time.time() * 1000)
    metrics = [Metric(f"best/{column}", float(best[column]), now, 0) for column in columns]
    log_values(log.client, log.parent, {}, metrics)
    log.client.set_tag(log.parent, "winner", best["encoder"])
    cell = str(outcome.results["run"].sel(encoder=best["encoder"]).values[0, 0])
    log_winner(log, cell, runs / "cells" / cell)


def log_winner(log: Log, cell: str, folder: Path) -> None:
    """The winner as a model: the best encoder by the leaderboard's first metric under the first
    split strategy, contestant or baseline, as fitted on the first split with the first seed.

    Without globals: MLflow's own ``log_model`` needs an active run, and sends a model whose run
    is merely named to the experiment "Default".
    """
    if log.client.get_run(log.parent).data.tags.get("winner_cell") == cell:
        return
    client, tags = log.client, {**log.tags, "cell": cell}
    model = client.create_logged_model(log.experiment, "winner", log.parent, tags=tags)
    described = Model(
        artifact_path=model.artifact_location, run_id=log.parent, model_id=model.model_id
    )
    with tempfile.TemporaryDirectory() as scratch:
        needed, saved = Path(scratch, "run"), Path(scratch, "model")
        unneeded = shutil.ignore_patterns("cell.nc", "ranking.csv", "figures")
        shutil.copytree(folder, needed, ignore=unneeded)
        mlflow.pyfunc.save_model(
            saved,
            python_model=Path(__file__).with_name("served_model.py"),
            artifacts={"run": str(needed)},
            mlflow_model=described,
            pip_requirements=[f"phasezoo=={version('phasezoo')}"],  # inferring them takes 10 s
        )
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(log.parent, [entities.LoggedModelOutput(model.model_id, 0)])
    client.set_tag(log.parent, "winner_model", f"models:/{model.model_id}")
    client.set_tag(log.parent, "winner_cell", cell)


def register_winner(log: Log, name: str) -> None:
    """Register the logged winner as a new version of a model; once a winner and name."""
    client = log.client
    source = client.get_run(log.parent).data.tags["winner_model"]
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = client.get_logged_model(source.removeprefix("models:/"))
    # by its place: a model's URI would be looked for in the store that is MLflow's default
    where = model.artifact_location
    if where in [each.source for each in client.search_model_versions(f"name = '{name}'")]:
        return
    client.create_model_version(name, where, log.parent, model_id=model.model_id)


def log_values(
    client: MlflowClient,
    run_id: str,
    params: dict[str, str],
    metrics: list[Metric],
) -> None:
    """Params and metrics in as few calls as MLflow's limits allow."""
    given = [entities.Param(key, value) for key, value in params.items()]
    while given or metrics:
        client.log_batch(run_id, metrics[:METRICS_A_CALL], given[:PARAMS_A_CALL])
        given, metrics = given[PARAMS_A_CALL:], metrics[METRICS_A_CALL:]


def log_path(client: MlflowClient, run_id: str, path: Path) -> None:
    if path.is_dir():
        client.log_artifacts(run_id, str(path), path.name)
    else:
        client.log_artifact(run_id, str(path))


def flat(content: Any, prefix: str = "") -> dict[str, str]:
    """Settings with dotted keys, as MLflow's params; ``parameters`` leaves no trace in a key."""
    if isinstance(content, list) and any(isinstance(item, dict) for item in content):
        content = dict(enumerate(content))
    if not isinstance(content, dict):
        text = content if isinstance(content, str) else json.dumps(content)
        return {
            valid_key(prefix): text
            if len(text) <= LONGEST_PARAM
            else text[: LONGEST_PARAM - 1] + "…"
        }
    found: dict[str, str] = {}
    for key, value in content.items():
        found |= flat(value, prefix if key == "parameters" else f"{prefix}.{key}".lstrip("."))
    return found


def valid_key(name: str) -> str:
    """A name without the characters that MLflow refuses."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250]


def as_user_error(uri: str, mend: str) -> AbstractContextManager[None]:
    return store.as_user_error(uri, mend, (MlflowException, SQLAlchemyError))


def _git_commit() -> str:
    """The commit of this code, "-dirty" where the tree has changes; "unknown" outside of git."""
    wanted = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    command = ["git", "-C", str(ROOT), *wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
