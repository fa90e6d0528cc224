"""Which checks an item is for: what `phasezoo check FILE.py` runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.checks import datasets, encoders, metrics, predictors, splits
from framework.contracts.candidates import CandidateSource
from framework.contracts.dataset import take
from framework.contracts.learner import Learner
from framework.contracts.objective import Objective
from framework.contracts.task import Task
from framework.metrics.metric import Metric
from framework.registry.parameters import REQUIRED, parameters
from framework.runs.components import resolve_task
from framework.runs.items import items_of

MATERIALS = {"name": "property", "properties": ["formation_energy"], "sample": 900}
FIELDS = {"name": "plausibility"}
"""The tasks on whose items splits and candidate sources are tried."""


def check(
    item: Any, dataset: str, settings: dict[str, Any], where: str
) -> Iterator[tuple[str, str | None]]:
    """Run every check that an item is for.

    Args:
        dataset: the data set on which it is tried.
        settings: those that it needs, such as the path of a data set.
        where: the file, for messages.

    Raises:
        UserError: it is of a kind that has no checks, or lacks a setting.
    """
    if isinstance(item, Metric):
        return metrics.check(item)
    if inspect.isclass(item):
        if issubclass(item, Learner):
            return predictors.check(item)
        if issubclass(item, CandidateSource):
            _require_settings(item, settings, (), where)
            fields = _items(FIELDS, dataset)
            reported = fields["element_set"].values[fields["reported"].values].astype(str)
            return datasets.check_candidates(item, reported.tolist(), settings)
        if issubclass(item, Objective | Task):
            raise UserError(
                f"{where}: '{item.__name__}' is a task or an objective, which have no checks; run "
                "an experiment with it"
            )
        return encoders.check(item, encoders.items_for(item, dataset))
    if {"fields", "seed"} & set(inspect.signature(item).parameters):
        _require_settings(item, settings, ("fields", "seed"), where)
        return splits.check(item, materials_for_splits(dataset), settings)
    _require_settings(item, settings, (), where)
    return datasets.check(item, settings)


def materials_for_splits(dataset: str) -> xr.Dataset:
    """Materials of three elements, since a split may need sets of one size; some of them are
    polymorphs."""
    items = _items(MATERIALS, dataset)
    size = np.char.count(items["element_set"].values.astype(str), " ") + 1
    return take(items, np.flatnonzero(size == 3))


def _items(task: dict[str, Any], dataset: str) -> xr.Dataset:
    settings = {"dataset": {"name": dataset, "parameters": {}}, "task": resolve_task(task, "check")}
    return items_of(settings)


def _require_settings(
    item: Any, settings: dict[str, Any], given: tuple[str, ...], where: str
) -> None:
    known = parameters(item, given)
    for name, parameter in known.items():
        if parameter.default is REQUIRED and name not in settings:
            raise UserError(
                f"{where}: '{item.__name__}' needs '{name}' ({parameter}) to be tried; give "
                f"--set {name}=..."
            )
