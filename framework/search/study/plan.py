"""The plan of a study: what is searched, how, and what decides it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from framework.base.errors import UserError
from framework.search.study.surrogate import Surrogate


@dataclass(frozen=True)
class StudyPlan:
    """What a study searches and how; everything in it is plain, so workers can be sent it.

    Attributes:
        storage: an SQLAlchemy URL, or the path of a journal file.
        maximise: for each objective whether it is maximised.
        space: what is searched.
        start: parameters of slot 0.
        content: all that decides the study; a study with other content is not continued.
        trials: finished trials wanted in total.
        surrogate: the model that proposes, where it is not one of Optuna's samplers.
        pool: points (n, d) in the order of the space, all different; where there is one, a trial
            is one of them and no two trials are the same.
    """

    name: str
    storage: str
    maximise: tuple[bool, ...]
    space: dict[str, BaseDistribution]
    start: dict[str, Any]
    content: dict[str, Any]
    trials: int
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0
    surrogate: Surrogate | None = None
    pool: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    @property
    def slots(self) -> int:
        """Trials there can be: a grid ends."""
        if self.sampler == "grid":
            return min(self.trials, 1 + len(grid(self.space)))
        return self.trials


def grid(space: dict[str, BaseDistribution]) -> list[dict[str, Any]]:
    """All points of a space of whole numbers and choices, in order.

    Raises:
        UserError: a parameter is continuous.
    """
    axes: dict[str, Sequence[Any]] = {}
    for name, distribution in space.items():
        if isinstance(distribution, CategoricalDistribution):
            axes[name] = distribution.choices
        elif isinstance(distribution, IntDistribution):
            axes[name] = range(distribution.low, distribution.high + 1)
        else:
            raise UserError(
                f"a grid needs every setting in steps, and '{name}' is continuous; give it "
                "'choices' in tuning.space, fix it at one value, or take another sampler"
            )
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]
