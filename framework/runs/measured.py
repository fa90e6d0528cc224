"""Which metrics an experiment asks of its task."""

from __future__ import annotations

from framework.base.errors import UserError, nearest
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.contracts.task import Task
from framework.registry.metrics import metric_of, registered
from framework.registry.parameters import parameters
from framework.registry.registry import TASKS


def measuring(experiment: Experiment, where: str) -> Component:
    """The task, told which registered metrics the experiment asks for.

    Args:
        where: the place that messages name.

    Raises:
        UserError: there is no such task, or a registered metric has a name that is taken.
    """
    objectives = (experiment.tuning and experiment.tuning.objectives) or ()
    names = registered([*(experiment.metrics or ()), *objectives])
    task = experiment.task
    if not names or "extra_metrics" not in parameters(TASKS.load(task.name, where)):
        return task
    given = task.parameters.get("extra_metrics", [])
    extra = [*given, *(name for name in names if name not in given)]
    return task.model_copy(update={"parameters": {**task.parameters, "extra_metrics": extra}})


def require_measured(experiment: Experiment, task: Task) -> None:
    """Refuse metrics and objectives that the task does not measure, or whose file has a fault.

    Raises:
        UserError: with the nearest that it measures.
    """
    tuning = experiment.tuning and experiment.tuning.objectives
    named = {"metrics": shown(experiment, task), "tuning.objectives": tuning}
    for key, names in named.items():
        for name in names or ():
            if name not in (*task.metrics, "seconds_fit") or (key, name) == (
                "metrics",
                "seconds_fit",
            ):
                raise UserError(
                    f"{key}: '{name}' is not measured by task '{task.name}'; "
                    f"{_nearest_metric(name, task.metrics)}"
                )
            if name != "seconds_fit":
                metric_of(name, key)


def shown(experiment: Experiment, task: Task) -> list[str]:
    """The metrics of an experiment's tables: its own, or those of the task."""
    return list(experiment.metrics or task.default_metrics)


def asked(experiment: Experiment, task: Task) -> list[str]:
    """The metrics that an experiment shows or searches by."""
    objectives = (experiment.tuning and experiment.tuning.objectives) or ()
    return [*shown(experiment, task), *objectives]


def _nearest_metric(name: str, known: tuple[str, ...]) -> str:
    """A task may measure hundreds: where none is near, one stands for all."""
    hint = nearest(name, known)
    return (
        hint if len(known) < 30 or hint.startswith("did you mean") else f"for instance '{known[0]}'"
    )
