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
    if (base := _base(kind)) is None:
        if not callable(item):
            raise UserError(f"{place}: holds {_shown(item)}, and a {kind} is a class or a function")
        return
    contract = f"{base.__module__}.{base.__name__}"
    if not (inspect.isclass(item) and issubclass(item, base)):
        raise UserError(f"{place}: holds {_shown(item)}; make it a subclass of {contract}")
    missing = sorted(getattr(item, "__abstractmethods__", ()))
    if kind == "task" and not hasattr(item, "name"):
        missing.append("name")
    if missing:
        raise UserError(
            f"{place}: '{item.__name__}' lacks {', '.join(missing)}; write what {contract} asks for"
        )


def _require_metric(item: Any, place: str) -> None:
    from framework.metrics.classification import ClassificationMetric
    from framework.metrics.items import ItemMetric
    from framework.metrics.ranks import RankingMetric
    from framework.metrics.regression import RegressionMetric

    if not isinstance(item, RankingMetric | ItemMetric | RegressionMetric | ClassificationMetric):
        raise UserError(
            f"{place}: holds {_shown(item)}, and a metric is an object of RankingMetric, ItemMetric, "
            "RegressionMetric or ClassificationMetric (framework.metrics)"
        )
    stem = place.rpartition("/")[2].removesuffix(".py")
    if place.endswith(".py") and item.name != stem:
        raise UserError(
            f"{place}: its metric is called '{item.name}'; call it '{stem}', as the file"
        )


def _base(kind: str) -> Any:
    """The class that items of a kind derive from; None where there is none."""
    if kind == "encoder":
        from framework.contracts.encoder import Encoder

        return Encoder
    if kind == "predictor":
        from framework.contracts.learner import Learner

        return Learner
    if kind == "representation":
        from framework.contracts.representation import Representation

        return Representation
    if kind == "task":
        from framework.contracts.task import Task

        return Task
    if kind == "candidate source":
        from framework.contracts.candidates import CandidateSource

        return CandidateSource
    if kind == "objective":
        from framework.contracts.objective import Objective

        return Objective
    return None


def _shown(item: Any) -> str:
    if inspect.isclass(item):
        return f"the class '{item.__name__}'"
    return (
        f"the function '{item.__name__}'" if inspect.isroutine(item) else f"{type(item).__name__}"
    )
