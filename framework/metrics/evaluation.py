"""All metrics of one run: values, intervals, values under random order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from framework.metrics.bootstrap import FloatArray
from framework.metrics.intervals import NO_INTERVAL, Interval, resampled
from framework.metrics.metric import Metric

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one hold-out: value, interval from low to high, value under random order.

    An interval is NaN where none could be given. `replicates` has shape (n_metrics, n_resamples),
    its rows in the order of the values; a row is NaN where hits or groups were too few to be
    resampled: then two encoders cannot be compared by it. `independent` counts the hits, or the
    element sets, that carry each metric.
    """

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    random: dict[str, float]
    independent: dict[str, int]
    replicates: FloatArray


def evaluation_of(
    metrics: Sequence[Metric],
    values: Sequence[float],
    random: Mapping[str, float],
    replicates: FloatArray,
    independent: Sequence[int],
    able: Sequence[bool] | None = None,
    without: Sequence[Interval | None] | None = None,
    level: float = 0.95,
) -> Evaluation:
    """An evaluation, its intervals from the replicates (metric, resample).

    Args:
        able: whether resampling gives the interval of each metric; by `Metric.fewest` where None.
        without: the interval of each metric that needs no resampling, where there is one: taken
            where replicates say nothing.
    """
    ends = []
    for i, metric in enumerate(metrics):
        found = None
        if able[i] if able is not None else independent[i] >= metric.fewest:
            found = resampled(values[i], replicates[i], independent[i], metric.scale, level)
        ends.append(found or (without and without[i]) or NO_INTERVAL)
    names = [metric.name for metric in metrics]
    return Evaluation(
        values=dict(zip(names, values, strict=True)),
        low={name: low for name, (low, _) in zip(names, ends, strict=True)},
        high={name: high for name, (_, high) in zip(names, ends, strict=True)},
        random={name: random[name] for name in names},
        independent=dict(zip(names, independent, strict=True)),
        replicates=replicates,
    )


def unknown(metrics: Sequence[Metric], n_resamples: int) -> Evaluation:
    """An evaluation of what cannot be measured: all NaN."""
    nothing = [float("nan")] * len(metrics)
    random = {metric.name: float("nan") for metric in metrics}
    replicates = np.full((len(metrics), n_resamples), np.nan)
    return evaluation_of(metrics, nothing, random, replicates, [0] * len(metrics))


def prefixed(prefix: str, evaluation: Evaluation) -> Evaluation:
    """The same evaluation with a prefix before the name of every metric."""

    def renamed(values: dict[str, Number]) -> dict[str, Number]:
        return {prefix + name: value for name, value in values.items()}

    return Evaluation(
        renamed(evaluation.values),
        renamed(evaluation.low),
        renamed(evaluation.high),
        renamed(evaluation.random),
        renamed(evaluation.independent),
        evaluation.replicates,
    )


def together(parts: list[Evaluation]) -> Evaluation:
    """Evaluations of different metrics, each over as many resamples, as one."""
    return Evaluation(
        {k: v for part in parts for k, v in part.values.items()},
        {k: v for part in parts for k, v in part.low.items()},
        {k: v for part in parts for k, v in part.high.items()},
        {k: v for part in parts for k, v in part.random.items()},
        {k: v for part in parts for k, v in part.independent.items()},
        np.concatenate([part.replicates for part in parts]),
    )
