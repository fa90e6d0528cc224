"""What an item of each kind must be, so that a fault of a user's file is told when it is loaded.

The contracts say more (`framework.contracts`), and `phasezoo check FILE.py` tries it.
"""

from __future__ import annotations

import inspect
from typing import Any

from framework.base.errors import UserError


def require_conforming(kind: str, item: Any, place: str) -> None:
    """Refuse an item that is not what its kind must be.

    Args:
        kind: as a registry calls it.
        place: where the item is defined, for messages.

    Raises:
        UserError: it is of another kind, or lacks methods of its contract; all of them are named.
    """
    if kind == "metric":
        _require_metric(item, place)
        return
    if base := _base(kind):
        if not (inspect.isclass(item) and issubclass(item, base)):
            raise UserError(
                f"{place}: holds {_shown(item)}, and a {kind} is a subclass of {base.__name__} "
                f"({base.__module__})"
            )
        missing = sorted(getattr(item, "__abstractmethods__", ()))
        contract = f"{base.__name__} ({base.__module__})"
    else:
        if not callable(item):
            raise UserError(f"{place}: holds {_shown(item)}, and a {kind} is a class or a function")
        verbs = _verbs_of_a_task() if kind == "task" else []
        missing = [verb for verb in verbs if not callable(getattr(item, verb, None))]
        contract = "Task (framework.contracts.task)"
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise UserError(
            f"{place}: '{item.__name__}' lacks the method{plural} {', '.join(missing)} of the "
            f"contract {contract}; add {'them' if plural else 'it'}"
        )


def require_attributes(task: Any, place: str) -> None:
    """Refuse a task, made with its settings, that lacks an attribute of the contract.

    Raises:
        UserError: it does; all that are missing are named.
    """
    from framework.contracts.task import Task

    named = {*Task.__annotations__, *(n for n, v in vars(Task).items() if isinstance(v, property))}
    if missing := sorted(name for name in named if not hasattr(task, name)):
        raise UserError(
            f"{place}: a task has the attribute{'s' * (len(missing) > 1)} {', '.join(missing)} "
            "(framework.contracts.task); set what is missing"
        )


def _require_metric(item: Any, place: str) -> None:
    from framework.metrics.classification import ClassificationMetric
    from framework.metrics.ranks import RankingMetric
    from framework.metrics.regression import RegressionMetric

    if not isinstance(item, RankingMetric | RegressionMetric | ClassificationMetric):
        raise UserError(
            f"{place}: holds {_shown(item)}, and a metric is an object of RankingMetric, "
            "RegressionMetric or ClassificationMetric (framework.metrics)"
        )
    stem = place.rpartition("/")[2].removesuffix(".py")
    if place.endswith(".py") and item.name != stem:
        raise UserError(
            f"{place}: its metric is called '{item.name}'; call it '{stem}', as the file"
        )


def _base(kind: str) -> type[Any] | None:
    """The class that items of a kind derive from; None where there is none."""
    if kind == "encoder":
        from framework.contracts.encoder import Encoder

        return Encoder
    if kind == "predictor":
        from framework.contracts.predictor import Probe

        return Probe
    if kind == "representation":
        from framework.contracts.representation import Representation

        return Representation
    if kind == "candidate source":
        from framework.contracts.candidates import CandidateSource

        return CandidateSource
    if kind == "objective":
        from framework.contracts.objective import Objective

        return Objective
    return None


def _verbs_of_a_task() -> list[str]:
    from framework.contracts.task import Task

    return [name for name, v in vars(Task).items() if inspect.isfunction(v) and name[0] != "_"]


def _shown(item: Any) -> str:
    if inspect.isclass(item):
        return f"the class '{item.__name__}'"
    return (
        f"the function '{item.__name__}'" if inspect.isroutine(item) else f"{type(item).__name__}"
    )
