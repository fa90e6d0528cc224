"""All metrics of one run: values, intervals, values under random order."""

from dataclasses import dataclass

import numpy as np

from framework.metrics.bootstrap import FloatArray


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one ranking: value, interval from low to high, value under random order.

    `replicates` has shape (n_metrics, n_resamples), its rows in the order of `METRICS`.
    """

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    random: dict[str, float]
    replicates: FloatArray


def prefixed(prefix: str, evaluation: Evaluation) -> Evaluation:
    """The same evaluation with a prefix before the name of every metric."""

    def renamed(values: dict[str, float]) -> dict[str, float]:
        return {prefix + name: value for name, value in values.items()}

    return Evaluation(
        renamed(evaluation.values),
        renamed(evaluation.low),
        renamed(evaluation.high),
        renamed(evaluation.random),
        evaluation.replicates,
    )


def together(parts: list[Evaluation]) -> Evaluation:
    """Evaluations of different metrics over the same resamples as one."""
    return Evaluation(
        {k: v for part in parts for k, v in part.values.items()},
        {k: v for part in parts for k, v in part.low.items()},
        {k: v for part in parts for k, v in part.high.items()},
        {k: v for part in parts for k, v in part.random.items()},
        np.concatenate([part.replicates for part in parts]),
    )
