"""All metrics by name: those of `framework.metrics`, and the registered ones, one file each.

Results call a metric with what it is of: ``formation_energy/250/mae``. The last part is its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from framework.base.errors import UserError, nearest
from framework.metrics.classification import CLASSIFICATION, ClassificationMetric
from framework.metrics.items import ItemMetric
from framework.metrics.metric import Kind, Metric
from framework.metrics.ranking import RANKING
from framework.metrics.ranks import RankingMetric
from framework.metrics.regression import REGRESSION, RegressionMetric
from framework.registry.registry import METRICS

BUILT_IN: dict[str, Metric] = {**RANKING, **REGRESSION, **CLASSIFICATION}

KINDS: dict[type[Metric], str] = {
    RankingMetric: "ranking",
    ItemMetric: "ranked items",
    RegressionMetric: "regression",
    ClassificationMetric: "classification",
}


def known_metrics() -> list[str]:
    """Of all tasks; which of them a task measures, and of what, is checked with its plan.

    Raises:
        UserError: a registered one has a name that is taken.
    """
    registered = METRICS.names()
    if taken := sorted(BUILT_IN.keys() & set(registered)):
        raise UserError(
            f"metric '{taken[0]}' is registered twice: it is built in, and {METRICS.where(taken[0])}"
            " has that name; rename the second"
        )
    return [*BUILT_IN, *registered]


def metric_of(name: str, where: str = "") -> Metric:
    """The metric of a name, which may carry what it is of: 'band_gap/50/mae'.

    Raises:
        UserError: there is none of this name (the nearest are shown), or its file has a fault.
    """
    short = name.rpartition("/")[2]
    if short in BUILT_IN:
        return BUILT_IN[short]
    if short not in (known := known_metrics()):
        place = f"{where}: " if where else ""
        raise UserError(f"{place}'{short}' is not a metric; {nearest(short, known)}")
    metric: Metric = METRICS.load(short, where)
    return metric


def registered(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some metrics, named with what they are of, that are not built in, by name.

    Raises:
        UserError: as `known_metrics`.
    """
    others = set(known_metrics()) - BUILT_IN.keys()
    return tuple(sorted({name.rpartition("/")[2] for name in names} & others))


def metrics_of(
    kind: type[Kind], names: Iterable[str], others: tuple[type[Metric], ...] = ()
) -> tuple[Kind, ...]:
    """The registered metrics of one kind among some names.

    Args:
        others: the other kinds that a task measures.

    Raises:
        UserError: one is not registered, or of no kind that the task measures.
    """
    chosen = []
    for name in names:
        if name in BUILT_IN:
            raise UserError(f"'{name}' is built in and measured anyway; take it out")
        metric = metric_of(name)
        if isinstance(metric, kind):
            chosen.append(metric)
        elif not isinstance(metric, others):
            kinds: tuple[type[Metric], ...] = (kind, *others)
            measured = " and ".join(KINDS[each] for each in kinds)
            raise UserError(
                f"'{name}' is a {KINDS[type(metric)]} metric, and this task measures {measured} "
                "metrics; take it out"
            )
    return tuple(chosen)


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better; ``metric`` may carry what it is of."""
    return metric_of(metric).higher_is_better


def spoken(metric: str) -> str:
    """A metric's name as one would say it: 'MAE of band gap, 50 labels'."""
    *of, _ = metric.split("/")
    label = metric_of(metric).label
    return f"{label} of {of[0].replace('_', ' ')}, {of[1]} labels" if of else label
