"""Classification metrics, counted from who is taken for what, with bootstrap intervals.

A resample draws whole groups (element sets), whatever their classes, so that rare classes come and
go. The draws depend on the groups and the seed alone: the paired difference of two encoders is the
difference of replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.metrics.bootstrap import FloatArray, IntArray, centred, resample_groups
from framework.metrics.evaluation import Evaluation, evaluation_of
from framework.metrics.intervals import FEW, share_score
from framework.metrics.metric import Metric, by_name
from framework.metrics.scales import LOGIT

_TOP = 5
GROUPS_A_CLASS = 20
"""Fewer groups than so many for each class, on the average, leave most classes in one or two."""


@dataclass(frozen=True)
class Answers:
    """What a probe says of some materials, and what is true.

    Attributes:
        probabilities: (n, k)
        true: classes (n,), as columns of the probabilities.
        seen: whether the probe has learned from any material of the true class (n,).
    """

    probabilities: FloatArray
    true: IntArray
    seen: NDArray[np.bool_]

    def take(self, index: np.ndarray) -> Answers:
        """Those of some materials (m,)."""
        return Answers(self.probabilities[index], self.true[index], self.seen[index])

    @cached_property
    def predicted(self) -> IntArray:
        """The most probable class (n,), the first of equals."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def among_top(self) -> FloatArray:
        """The chance (n,) that the true class is among the five first, ties in random order."""
        own = np.take_along_axis(self.probabilities, self.true[:, None], axis=1)
        above = (self.probabilities > own).sum(axis=1)
        tied = (self.probabilities == own).sum(axis=1)
        return np.where(own[:, 0] > 0, ((_TOP - above) / tied).clip(0, 1), 0.0)

    @property
    def counts(self) -> IntArray:
        """Materials by true and predicted class (k, k)."""
        k = self.probabilities.shape[1]
        return np.bincount(self.true * k + self.predicted, minlength=k * k).reshape(k, k)


@dataclass(frozen=True)
class Counts:
    """Answers of n materials, each of which counts so many times (B, n) in each of B resamples."""

    answers: Answers
    times: IntArray

    @cached_property
    def n(self) -> IntArray:
        """Materials of each resample (B,)."""
        return self.times.sum(axis=1)

    @cached_property
    def true(self) -> FloatArray:
        """Materials of each class (B, k)."""
        return self._counted(self.answers.true, self.times)

    @cached_property
    def predicted(self) -> FloatArray:
        """Materials that are taken for each class (B, k)."""
        return self._counted(self.answers.predicted, self.times)

    @cached_property
    def right(self) -> FloatArray:
        """Materials of each class that are taken for it (B, k)."""
        right = self.answers.predicted == self.answers.true
        return self._counted(self.answers.true, self.times * right)

    def mean(self, of_material: np.ndarray) -> FloatArray:
        """Means (B,) of what each material has (n,)."""
        return np.asarray((self.times * of_material).sum(axis=1) / self.n)

    def _counted(self, classes: IntArray, times: IntArray) -> FloatArray:
        b, k = len(times), self.answers.probabilities.shape[1]
        cells = (classes + k * np.arange(b)[:, None]).ravel()
        return np.bincount(cells, times.ravel(), b * k).reshape(b, k).astype(np.float64)


@dataclass(frozen=True)
class Shares:
    """What is known of a random order of answers: how frequent each class is (k,), and which share
    of the materials is of a class that the probe has learned from."""

    of_classes: FloatArray
    seen: float


@dataclass(frozen=True, kw_only=True)
class ClassificationMetric(Metric):
    """A metric of who is taken for what.

    Attributes:
        compute: (B,)
        random: its expectation where the true classes are predicted in random order.
        of_two, of_many: whether it is measured of two classes, the second of them positive, and of
            more.
        per_material: whether it is the mean of what each material has by itself. Another one is
            resampled only where each of two classes is in `FEW` groups, or where there are
            `GROUPS_A_CLASS` groups for each of more classes. Some of these come and go, so its
            replicates are then moved back to the value.
        shifts: whether resampling moves it, as it does what counts scatter as an error; its
            replicates are moved back, too.
    """

    compute: Callable[[Counts], FloatArray]
    random: Callable[[Shares], float]
    of_two: bool = True
    of_many: bool = True
    per_material: bool = False
    shifts: bool = False


def _f1(counts: Counts) -> FloatArray:
    """Of each class (B, k)."""
    return 2 * counts.right / np.maximum(counts.true + counts.predicted, 1)


def _balanced_accuracy(counts: Counts) -> FloatArray:
    recalls = counts.right / np.maximum(counts.true, 1)
    return np.asarray(recalls.sum(axis=1) / (counts.true > 0).sum(axis=1))


def _macro_f1(counts: Counts) -> FloatArray:
    occurring = (counts.true + counts.predicted > 0).sum(axis=1)
    return np.asarray(_f1(counts).sum(axis=1) / occurring)


def _even(shares: Shares) -> float:
    return 1 / np.count_nonzero(shares.of_classes)


def _top_by_chance(shares: Shares) -> float:
    """The five most probable classes are then those of five such orders, and may be equal."""
    return float((shares.of_classes * (1 - (1 - shares.of_classes) ** _TOP)).sum())


CLASSIFICATION: dict[str, ClassificationMetric] = by_name(
    [
        ClassificationMetric(
            name="accuracy",
            label="accuracy",
            description="Share of materials whose most probable class is the true one; 0 to 1.",
            scale=LOGIT,
            compute=lambda counts: np.asarray(counts.right.sum(axis=1) / counts.n),
            random=lambda shares: float((shares.of_classes**2).sum()),
            per_material=True,
        ),
        ClassificationMetric(
            name="top_5_accuracy",
            label="top-5 accuracy",
            description="Share of materials whose true class is among the five most probable "
            "ones, ties in random order, a class of no probability never; 0 to 1.",
            scale=LOGIT,
            compute=lambda counts: counts.mean(counts.answers.among_top),
            random=_top_by_chance,
            of_two=False,
            per_material=True,
        ),
        ClassificationMetric(
            name="balanced_accuracy",
            label="balanced accuracy",
            description="Mean over the true classes of the share that is recognised; 0 to 1.",
            scale=LOGIT,
            compute=_balanced_accuracy,
            random=_even,
        ),
        ClassificationMetric(
            name="f1",
            label="F1",
            description="Harmonic mean of precision and recall of the positive class, of two; 0 "
            "to 1.",
            scale=LOGIT,
            compute=lambda counts: _f1(counts)[:, 1],
            random=lambda shares: float(shares.of_classes[1]),
            of_many=False,
        ),
        ClassificationMetric(
            name="macro_f1",
            label="macro F1",
            description="Mean of that over all classes, true or predicted; 0 to 1.",
            scale=LOGIT,
            compute=_macro_f1,
            random=_even,
            of_two=False,
        ),
        ClassificationMetric(
            name="seen",
            label="seen",
            description="Share of materials whose class is among those that the probe has learned "
            "from: no accuracy can be higher; 0 to 1.",
            scale=LOGIT,
            compute=lambda counts: counts.mean(counts.answers.seen),
            random=lambda shares: shares.seen,
            of_two=False,
            per_material=True,
        ),
    ]
)

EVERY = tuple(CLASSIFICATION.values())


def evaluate_classes(
    answers: Answers,
    metrics: Iterable[ClassificationMetric],
    groups: ArrayLike,
    resamples: int,
    seed: int = 0,
) -> Evaluation:
    """Metrics with intervals.

    Of fewer than `FEW` groups replicates are NaN, and the interval is a score interval of as many
    outcomes as there are groups, or none.

    Args:
        groups: of the materials (n,), drawn whole.
    """
    metrics, named = tuple(metrics), np.asarray(groups)
    values = list(class_metrics(answers, metrics).values())
    replicates = np.full((len(metrics), resamples), np.nan)
    if (n_groups := len(np.unique(named))) >= FEW:
        parts = []
        for times in resample_groups(named, resamples, seed):
            counts = Counts(answers, times)
            parts.append([metric.compute(counts) for metric in metrics])
        replicates = np.concatenate(parts, axis=1)
    by_class = [not metric.per_material for metric in metrics]
    moved = [metric.shifts for metric in metrics]
    replicates[moved] = centred(values, replicates)[moved].clip(min=0)  # an error is not negative
    n_by_class = n_groups
    if answers.probabilities.shape[1] > 2:
        replicates[by_class] = centred(values, replicates)[by_class]
        resampled = n_groups >= GROUPS_A_CLASS * len(np.unique(answers.true))
    else:
        n_by_class = min(len(np.unique(named[answers.true == one])) for one in (0, 1))
        resampled = n_by_class >= FEW
    if not resampled:
        replicates[by_class] = np.nan
    without = [
        share_score(value, n_groups) if metric.per_material else None
        for metric, value in zip(metrics, values, strict=True)
    ]
    independent = [n_by_class if by else n_groups for by in by_class]
    random = random_order(answers, metrics)
    return evaluation_of(metrics, values, random, replicates, independent, without=without)


def class_metrics(answers: Answers, metrics: Iterable[ClassificationMetric]) -> dict[str, float]:
    """Metrics without intervals."""
    once = Counts(answers, np.ones((1, len(answers.true)), dtype=np.intp))
    return {metric.name: float(metric.compute(once)[0]) for metric in metrics}


def random_order(
    answers: Answers, metrics: Iterable[ClassificationMetric] = EVERY
) -> dict[str, float]:
    """Exact expectation of metrics where the true classes are predicted in random order."""
    n = np.bincount(answers.true, minlength=answers.probabilities.shape[1])
    shares = Shares(n / n.sum(), float(answers.seen.mean()))
    return {metric.name: metric.random(shares) for metric in metrics}
