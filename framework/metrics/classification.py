"""Classification metrics, counted from who is taken for what, with bootstrap intervals.

A resample draws materials, whatever their class, so that rare classes come and go. The draws depend
on the number of materials and the seed alone: the paired difference of two encoders is the
difference of replicates. Classes that a resample does not hold count in no mean over classes:
where many are of few materials, the interval of `balanced_accuracy` and `macro_f1` can lie above
the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.metrics.bootstrap import FloatArray, IntArray, interval
from framework.metrics.evaluation import Evaluation

CLASSIFICATION: dict[str, str] = {
    "accuracy": "Share of materials whose most probable class is the true one; 0 to 1.",
    "top_5_accuracy": "Share of materials whose true class is among the five most probable ones, "
    "ties in random order, a class of no probability never; 0 to 1.",
    "balanced_accuracy": "Mean over the true classes of the share that is recognised; 0 to 1.",
    "f1": "Harmonic mean of precision and recall of the positive class, of two; 0 to 1.",
    "macro_f1": "Mean of that over all classes, true or predicted; 0 to 1.",
    "seen": "Share of materials whose class is among those that the probe has learned from: no "
    "accuracy can be higher; 0 to 1.",
}

OF_TWO = ("accuracy", "balanced_accuracy", "f1")
OF_MANY = ("accuracy", "top_5_accuracy", "balanced_accuracy", "macro_f1", "seen")

_TOP = 5
_DRAWN_AT_ONCE = 2**20  # bounds an array of (resample, material) to 8 MiB


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
    seen: np.ndarray

    def take(self, index: np.ndarray) -> Answers:
        """Those of some materials (m,)."""
        return Answers(self.probabilities[index], self.true[index], self.seen[index])

    @property
    def predicted(self) -> IntArray:
        """The most probable class (n,), the first of equals."""
        return self.probabilities.argmax(axis=1)

    @property
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


def evaluate_classes(
    answers: Answers, metrics: tuple[str, ...], resamples: int, seed: int = 0
) -> Evaluation:
    """Metrics of `CLASSIFICATION` by name, with intervals."""
    n, generator = len(answers.true), np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, at_once := max(1, _DRAWN_AT_ONCE // n)):
        drawn = generator.integers(n, size=(min(at_once, resamples - start), n))
        found = _metrics(answers, drawn)
        parts.append([found[name] for name in metrics])
    replicates = np.concatenate(parts, axis=1)
    low, high = interval(replicates)
    random = random_order(answers)
    return Evaluation(
        values=class_metrics(answers, metrics),
        low=dict(zip(metrics, low.tolist(), strict=True)),
        high=dict(zip(metrics, high.tolist(), strict=True)),
        random={name: random[name] for name in metrics},
        replicates=replicates,
    )


def class_metrics(answers: Answers, metrics: tuple[str, ...]) -> dict[str, float]:
    """Metrics of `CLASSIFICATION` by name, without intervals."""
    found = _metrics(answers, np.arange(len(answers.true))[None])
    return {name: float(found[name][0]) for name in metrics}


def random_order(answers: Answers) -> dict[str, float]:
    """Exact expectation of every metric where the true classes are predicted in random order.

    The five most probable classes are then those of five such orders, and may be equal.
    """
    n = np.bincount(answers.true, minlength=answers.probabilities.shape[1])
    share = n / n.sum()
    even = 1 / np.count_nonzero(n)
    return {
        "accuracy": float((share**2).sum()),
        "top_5_accuracy": float((share * (1 - (1 - share) ** _TOP)).sum()),
        "balanced_accuracy": even,
        "f1": float(share[1]),
        "macro_f1": even,
        "seen": float(answers.seen.mean()),
    }


def _metrics(answers: Answers, index: IntArray) -> dict[str, FloatArray]:
    """Every metric (b,) of the resamples index (b, n)."""
    b, k = len(index), answers.probabilities.shape[1]

    def counted(classes: IntArray, weights: np.ndarray | None = None) -> np.ndarray:
        cells = (classes[index] + k * np.arange(b)[:, None]).ravel()
        own = None if weights is None else weights[index].ravel()
        return np.bincount(cells, own, minlength=b * k).reshape(b, k)

    predicted = answers.predicted
    right = counted(answers.true, predicted == answers.true)
    true, taken = counted(answers.true), counted(predicted)
    f1 = 2 * right / np.maximum(true + taken, 1)
    return {
        "accuracy": right.sum(axis=1) / index.shape[1],
        "top_5_accuracy": answers.among_top[index].mean(axis=1),
        "balanced_accuracy": (right / np.maximum(true, 1)).sum(axis=1) / (true > 0).sum(axis=1),
        "f1": f1[:, 1],
        "macro_f1": f1.sum(axis=1) / (true + taken > 0).sum(axis=1),
        "seen": answers.seen[index].mean(axis=1),
    }
