"""What a tracker is told of the data and the settings behind runs."""

from __future__ import annotations

import json
from typing import Any

from framework.base.digest import digest
from framework.config.experiment import Experiment
from framework.contracts.tracker import Source
from framework.runs.components import task_of
from framework.runs.items import items_of
from framework.runs.run import Run


def source_of(settings: dict[str, Any]) -> Source:
    """The data set of a run, from the run's settings."""
    items = items_of(settings)
    about = json.loads(items.attrs["dataset"])
    told = {key: about[key] for key in ("title", "source", "licence", "citation")}
    return Source(
        name=about["name"],
        digest=items.attrs["dataset_digest"],
        origin={**told, **settings["dataset"]},
        context="training",
        profile={"num_rows": about["materials"]},
    )


def common_tags(experiment: Experiment, run: Run) -> dict[str, str]:
    """What all runs of an experiment share."""
    return {
        "dataset": source_of(run.settings).name,
        "task": experiment.task.name,
        "study": experiment.name,
        "config_digest": config_digest(experiment),
    }


def config_digest(experiment: Experiment) -> str:
    """Of an experiment as it was written: 16 hex digits."""
    return digest(experiment.model_dump(mode="json"))[:16]


def unservable(run: Run) -> str:
    """Why the encoder of such a run cannot answer alone for its task; "" where it can."""
    task = task_of(run.settings["task"])
    if task.members is not None:
        return ""
    return (
        f"not logged: the encoder alone would answer plausibility, which is not what task "
        f"'{task.name}' predicts"
    )
