"""Parent and child runs in MLflow: begun, found again, cleared of what killed processes left."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from mlflow import entities
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from framework.base.processes import is_this, lives, this_process
from framework.contracts.tracker import Source, Work
from framework.registry.registry import ROOT
from framework.tracking.client import cut, flat, log_values

LONGEST_OPEN = 600
"""Seconds after which an open child of a process on another machine counts as left behind: a
child is logged in one go, in seconds."""


def experiment_id(client: MlflowClient, name: str, runs: Path) -> str:
    """The MLflow experiment of a group, created or restored where need be."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        default = not os.environ.get("MLFLOW_TRACKING_URI")
        place = (runs.resolve() / "artifacts" / name).as_uri() if default else None
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def parent_of(
    client: MlflowClient, experiment: str, work: Work, above: str | None
) -> tuple[entities.Run, bool]:
    """The parent run of a work, found again by its kind and digests or begun; and whether it was
    begun now.

    Args:
        experiment: its id.
        above: the run below which a new one stands.
    """
    if known := _parents(client, experiment, work):
        return known[0], False
    tags = {**work.identity, **work.common, **code_tags(), **work.tags, "kind": work.kind}
    if above is not None:
        tags["mlflow.parentRunId"] = above
    begun = client.create_run(experiment, tags=cut(tags), run_name=work.name)
    first = (_parents(client, experiment, work) or [begun])[0]
    if first.info.run_id != begun.info.run_id:  # another process was quicker
        client.delete_run(begun.info.run_id)
        return first, False
    log_values(client, begun.info.run_id, flat(work.settings), [], {})
    return begun, True


def _parents(client: MlflowClient, experiment: str, work: Work) -> list[entities.Run]:
    """The runs of this kind with these digests, the oldest first."""
    wanted = " and ".join(
        f"tags.{key} = '{value}'" for key, value in {"kind": work.kind, **work.identity}.items()
    )
    runs = client.search_runs([experiment], wanted, order_by=["start_time ASC"], max_results=50)
    return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def code_tags() -> dict[str, str]:
    """Which code made a run."""
    return {"git_commit": _git_commit(), "phasezoo_version": version("phasezoo")}


def _git_commit() -> str:
    """The commit of this code, "-dirty" where the tree has changes; "unknown" outside of git."""
    wanted = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    command = ["git", "-C", str(ROOT), *wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def children(
    client: MlflowClient, experiment: str, parent: str, wanted: str = ""
) -> list[entities.Run]:
    """All runs right below a parent.

    Args:
        wanted: a filter in MLflow's language, beside that.
    """
    found: list[entities.Run] = []
    page, condition = None, f"tags.mlflow.parentRunId = '{parent}'{wanted and ' and '}{wanted}"
    while page is None or page.token:
        token = page.token if page else None
        page = client.search_runs([experiment], condition, max_results=500, page_token=token)
        found += page
    return found


def signed() -> dict[str, str]:
    """The tag by which an open child belongs to this process."""
    return {"logged_by": json.dumps({**this_process(), "at": time.time()})}


def left_behind(child: entities.Run) -> bool:
    """Whether an open child belongs to a process that has died, or to this one, whose store had
    failed."""
    if child.info.status != "RUNNING":
        return False
    by = json.loads(child.data.tags.get("logged_by", "null"))
    if by is None or "started" not in by or is_this(by):
        return True
    alive = lives(by)
    return not alive if alive is not None else time.time() - by["at"] > LONGEST_OPEN


def delete_twins(client: MlflowClient, of_one_parent: list[entities.Run]) -> None:
    """Of finished children of the same piece and cause keep one, the same one whoever looks."""
    ids = defaultdict(list)
    for child in of_one_parent:
        tags = child.data.tags
        if child.info.status != "RUNNING" and (kind := tags.get("kind")) in tags:
            ids[kind, tags[kind], tags.get("failure", "")].append(child.info.run_id)
    for twins in ids.values():
        for run_id in sorted(twins)[1:]:
            delete(client, run_id)


def delete(client: MlflowClient, run_id: str) -> None:
    """Delete a run, which another process may be doing, too."""
    try:
        client.delete_run(run_id)
    except MlflowException:
        if client.get_run(run_id).info.lifecycle_stage != "deleted":
            raise


def dataset_input(data: Source) -> entities.DatasetInput:
    """A data set as MLflow shows it beside a run."""
    entity = entities.Dataset(
        name=data.name,
        digest=data.digest[:36],
        source_type="code",
        source=json.dumps(CodeDatasetSource(flat(data.origin)).to_dict()),
        profile=json.dumps(data.profile),
    )
    return entities.DatasetInput(entity, [entities.InputTag("mlflow.data.context", data.context)])
