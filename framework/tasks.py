"""All tasks, by the name that an experiment gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.classification import Classification
from framework.plausibility import Plausibility
from framework.property import Property
from framework.task import Task

TASKS: dict[str, Callable[..., Task]] = {
    Plausibility.name: Plausibility,
    Property.name: Property,
    Classification.name: Classification,
}


def task_of(settings: dict[str, Any]) -> Task:
    """The task of resolved settings: name and parameters."""
    return TASKS[settings["name"]](**settings["parameters"])
