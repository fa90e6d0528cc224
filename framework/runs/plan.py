"""The plan of all runs of an experiment, checked before anything is computed."""

from __future__ import annotations

import json
from typing import Any

from framework.base.errors import UserError, nearest, placed
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.contracts.representation import Representation
from framework.contracts.task import Task
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS
from framework.runs.components import (
    read_by,
    require_buildable,
    resolve_task,
    resolved,
    task_of,
    tried,
)
from framework.runs.files import file_digests
from framework.runs.items import divided, folds_of, prepared_items
from framework.runs.run import Run, code_of
from framework.runs.settings import same_training


def plan(experiment: Experiment, where: str = "") -> list[Run]:
    """All runs of an experiment, checked before anything is computed.

    Args:
        where: the file that messages name.

    Raises:
        UserError: an unknown name or setting, unreadable data, or a split without hold-out.
    """
    prefix = f"{where}: " if where else ""
    dataset = resolved(DATASETS, experiment.dataset, f"{prefix}dataset")
    task = resolve_task(experiment.task, f"{prefix}task")
    data, wanted = json.dumps(dataset), json.dumps(task)
    with placed(where):
        items = prepared_items(data, wanted)
        judge = task_of(task)
        _require_measured(experiment, judge)
    encoders = []
    fitted: dict[str, Representation] = {}
    for i, component in enumerate(experiment.encoders):
        place = f"{prefix}encoders[{i}]"
        encoder = resolved(ENCODERS, component, place)
        name = read_by(encoder)
        settings = experiment.representations.get(name, {})
        shown = Component(name=name, parameters=settings)
        representation = resolved(REPRESENTATIONS, shown, f"{prefix}representations.{name}")
        if name not in fitted:
            with placed(f"{prefix}representations.{name}"):
                fitted[name] = tried(representation, items)
        require_buildable(encoder, fitted[name], place)
        encoders.append((place, component.title, encoder, representation))
    for name in experiment.representations:
        REPRESENTATIONS.require(name, f"{prefix}representations")
        if name not in fitted:
            raise UserError(
                f"{prefix}representations.{name}: no encoder here reads it; take it out"
            )
    found = []
    for i, component in enumerate(experiment.splits):
        place = f"{prefix}splits[{i}]"
        split = resolved(SPLITS, component, place, given=("fields", "seed"))
        for seed in experiment.seeds:
            drawn = seed if experiment.split_seed is None else experiment.split_seed
            with placed(place):
                folds = folds_of(data, wanted, json.dumps(split), drawn)
            for fold in folds:
                common = {
                    "dataset": dataset,
                    "task": task,
                    "items": items.attrs["digest"],
                    "split": {**split, "fold": fold, "seed": drawn},
                    "seed": seed,
                    "validation_fraction": experiment.validation_fraction,
                    "resamples": experiment.resamples,
                }
                with placed(place):
                    # refuses a fold that cannot be judged before anything is computed
                    judge.require(*divided(common))
                label = f"{component.title}/{fold}" if fold else component.title
                for encoder_place, title, encoder, representation in encoders:
                    own: dict[str, Any] = {"encoder": encoder, "representation": representation}
                    if begin := encoder["parameters"].get("pretrained"):
                        with placed(f"{encoder_place}.pretrained"):
                            own["pretrained"] = same_training(begin, {**common, **own})
                    own["code"] = code_of({**common, **own})
                    if files := file_digests(split, representation):
                        own["files"] = files
                    found.append(Run({**common, **own}, title, label, seed))
    return found


def _require_measured(experiment: Experiment, task: Task) -> None:
    """Refuse metrics and objectives that the task does not measure."""
    tuning = experiment.tuning.objectives if experiment.tuning else []
    named = {"metrics": experiment.metrics, "tuning.objectives": tuning}
    for key, names in named.items():
        for name in names:
            if name not in (*task.metrics, "seconds_fit") or (key, name) == (
                "metrics",
                "seconds_fit",
            ):
                raise UserError(
                    f"{key}: '{name}' is not measured by task '{task.name}'; "
                    f"{_nearest_metric(name, task.metrics)}"
                )


def _nearest_metric(name: str, known: tuple[str, ...]) -> str:
    """A task may measure hundreds: where none is near, one stands for all."""
    hint = nearest(name, known)
    return (
        hint if len(known) < 30 or hint.startswith("did you mean") else f"for instance '{known[0]}'"
    )
