"""What every metric must hold to (`framework.metrics`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.checks.checks import Check, outcomes
from framework.metrics.bootstrap import IntArray
from framework.metrics.classification import (
    Answers,
    ClassificationMetric,
    evaluate_classes,
)
from framework.metrics.evaluation import Evaluation
from framework.metrics.items import ItemMetric, RankedItems, evaluate_items
from framework.metrics.metric import Metric
from framework.metrics.ranking import evaluate
from framework.metrics.ranks import RankingMetric
from framework.metrics.regression import RegressionMetric, evaluate_regression

N, SHUFFLES = 90, 400


@dataclass
class Trial:
    """A metric under test, and small made-up hold-outs."""

    metric: Any

    def evaluation(
        self, order: IntArray | None = None, answers: IntArray | None = None
    ) -> Evaluation:
        """Of one hold-out in groups of three.

        Args:
            order: of the items (N,).
            answers: which item's true answer each item is given (N,); some noisy answers where
                None.
        """
        return _hold_outs()[type(self.metric)](self.metric, order, answers)


HoldOutOf = Callable[[Any, IntArray | None, IntArray | None], Evaluation]


def _hold_outs() -> dict[type[Metric], HoldOutOf]:
    rng = np.random.default_rng(0)
    groups, true, noise = np.repeat(np.arange(N // 3), 3), rng.normal(size=N), rng.normal(size=N)

    def given(answers: IntArray | None) -> np.ndarray:
        return true + noise if answers is None else true[answers]

    def of_ranking(metric: Any, order: IntArray | None, answers: IntArray | None) -> Evaluation:
        at = np.arange(N) if order is None else order
        hits = true > 0.5
        scores = given(answers)[at]
        options: dict[str, Any] = {"groups": groups[at], "metrics": (metric,)}
        return evaluate(scores, hits[at], prior=0.0, n_resamples=100, **options)

    def of_values(metric: Any, order: IntArray | None, answers: IntArray | None) -> Evaluation:
        at = np.arange(N) if order is None else order
        return evaluate_regression(given(answers)[at], true[at], groups[at], 100, metrics=(metric,))

    def of_classes(metric: Any, order: IntArray | None, answers: IntArray | None) -> Evaluation:
        at = np.arange(N) if order is None else order
        edges = [0.3] if metric.of_two else [-0.3, 0.3]
        said, classes = np.digitize(given(answers), edges), np.digitize(true, edges)[at]
        one_each = np.eye(len(edges) + 1)
        probabilities = one_each[said]
        if answers is not None:  # the less probable classes are those of further random orders
            shuffle = np.random.default_rng(answers).permutation
            for weight in (1e-1, 1e-2, 1e-3, 1e-4):
                probabilities = (
                    probabilities + weight * one_each[np.digitize(true, edges)[shuffle(N)]]
                )
        probabilities = probabilities[at]
        held = Answers(probabilities, classes, np.ones(N, dtype=bool))
        return evaluate_classes(held, (metric,), groups[at], 100)

    def of_items(metric: Any, order: IntArray | None, answers: IntArray | None) -> Evaluation:
        at = np.arange(N) if order is None else order
        hits, scores = true > 0.5, given(answers)
        known = {"popularity": noise, "probability": np.full(N, hits.mean())}
        ranked = RankedItems(scores[at], hits[at], {name: of[at] for name, of in known.items()})
        return evaluate_items(ranked, 100, metrics=(metric,))

    return {
        RankingMetric: of_ranking,
        ItemMetric: of_items,
        RegressionMetric: of_values,
        ClassificationMetric: of_classes,
    }


def says_what_it_is(trial: Trial) -> None:
    for name in ("name", "label", "description"):
        assert str(getattr(trial.metric, name)).strip(), f"its {name} is empty"


def gives_one_finite_number_a_resample(trial: Trial) -> None:
    found = trial.evaluation()
    name = trial.metric.name
    assert np.isfinite(found.values[name]), f"its value is {found.values[name]}"
    replicates = found.replicates[0]
    assert np.isfinite(replicates).all() or np.isnan(replicates).all(), (
        "compute gives values that are not finite for some resamples"
    )


def the_order_of_the_items_does_not_matter(trial: Trial) -> None:
    order, name = np.random.default_rng(1).permutation(N), trial.metric.name
    one, other = (trial.evaluation(order=at).values[name] for at in (None, order))
    assert np.isclose(one, other), f"{one:g} in one order of the items, {other:g} in another"


def better_answers_are_better(trial: Trial) -> None:
    name = trial.metric.name
    perfect = trial.evaluation(answers=np.arange(N)).values[name]
    noisy = trial.evaluation().values[name]
    better = perfect >= noisy if trial.metric.higher_is_better else perfect <= noisy
    assert better, (
        f"perfect answers give {perfect:g} and noisy ones {noisy:g}; is higher_is_better right?"
    )


def random_order_gives_its_value_under_random_order(trial: Trial) -> None:
    if not getattr(trial.metric, "judges_order", True):
        return
    rng, name = np.random.default_rng(2), trial.metric.name
    shuffled = [trial.evaluation(answers=rng.permutation(N)) for _ in range(SHUFFLES)]
    values = np.array([found.values[name] for found in shuffled])
    stated = shuffled[0].random[name]
    # Jensen: the root of an expectation is not the expectation of a root
    error = 4 * values.std() / SHUFFLES**0.5 + 0.01 * abs(values.mean()) + 1e-9
    assert abs(values.mean() - stated) <= error, (
        f"{SHUFFLES} random orders give {values.mean():.4g} on the average, and its value under "
        f"random order is stated as {stated:.4g}"
    )


CHECKS: list[Check] = [
    says_what_it_is,
    gives_one_finite_number_a_resample,
    the_order_of_the_items_does_not_matter,
    better_answers_are_better,
    random_order_gives_its_value_under_random_order,
]


def check(metric: Metric) -> Iterator[tuple[str, str | None]]:
    """As `framework.checks.encoders.check`, of a metric."""
    yield from outcomes(CHECKS, Trial(metric))
