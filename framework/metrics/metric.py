"""What every metric says of itself; what it computes, each kind says (`ranking`, `regression`,
`classification`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from framework.metrics.intervals import FEW
from framework.metrics.scales import IDENTITY, Scale


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a hold-out gives.

    Attributes:
        name: as experiments and results call it; of a registered metric also its file's name.
        label: as figures say it.
        description: what it is, its range, its source.
        higher_is_better: whether more of it is better.
        scale: on which its sampling distribution is about symmetric, for intervals of few items.
        fewest: independent hits, or element sets, from which on resampling gives its interval.
    """

    name: str
    label: str
    description: str
    higher_is_better: bool = True
    scale: Scale = IDENTITY
    fewest: float = FEW


Kind = TypeVar("Kind", bound=Metric)


def by_name(metrics: Iterable[Kind]) -> dict[str, Kind]:
    """Metrics by their names, in order."""
    return {metric.name: metric for metric in metrics}
