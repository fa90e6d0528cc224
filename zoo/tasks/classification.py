"""Classification: how well a probe tells classes of unseen materials from frozen latent vectors.

A class is an integer of the data set (a space group), or a side of a value (stable or not). Classes
that no labelled material has are errors of every probe; the metric ``seen`` says how many.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.contracts.predictor import Classifier
from framework.contracts.split import Split
from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.classification import (
    CLASSIFICATION,
    Answers,
    ClassificationMetric,
    class_metrics,
    evaluate_classes,
)
from framework.metrics.evaluation import Evaluation, prefixed, together
from framework.metrics.metric import Metric
from framework.metrics.ranking import evaluate, ranking_metrics
from framework.metrics.ranks import RankingMetric
from framework.registry.metrics import metrics_of
from zoo.class_levels import Level, coarser
from zoo.labelled_items import ALL, Aggregate, Labels, Of
from zoo.probing import Labelled, Probing, rankable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Classification(Probing):
    """Metrics are called target/labels/metric: ``space_group/all/accuracy``. Intervals resample
    element sets, which the split holds out whole.

    Args:
        target: a variable of whole numbers, each of them a class; or any property, of which
            ``above`` or ``at_most`` makes two classes.
        labels, probe, sample, of, aggregate, extra_metrics: see `Probing`.
        above: the positive class is what lies above this value.
        at_most: the positive class is what does not lie above this value.
        coarser: classes of classes that the data set states of the target (``crystal_system``
            of ``space_group``): their probabilities are sums.
    """

    name = "classification"
    kind = Classifier
    measures: type[Metric] = ClassificationMetric
    kept = ("truth", "group")

    def __init__(
        self,
        target: str,
        labels: Labels = (250, ALL),
        probe: str | dict[str, Any] = "gradient_boosting_classifier",
        above: float | None = None,
        at_most: float | None = None,
        coarser: str | None = None,
        sample: int | None = None,
        of: Of = "material",
        aggregate: Aggregate = "largest",
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.target, self.above, self.at_most, self.coarser = target, above, at_most, coarser
        given = [key for key in ("above", "at_most", "coarser") if getattr(self, key) is not None]
        if len(given) > 1:
            raise UserError(
                f"task: {' and '.join(given)} cannot be combined; a target is cut in two by one of "
                "'above' and 'at_most', or has 'coarser' classes"
            )
        super().__init__(labels, probe, sample, of, aggregate, extra_metrics)
        others = metrics_of(ClassificationMetric, extra_metrics, (RankingMetric,))
        self._classification = tuple(
            metric
            for metric in (*CLASSIFICATION.values(), *others)
            if (metric.of_two if self._of_two else metric.of_many)
        )

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    @property
    def metrics(self) -> tuple[str, ...]:
        names = filter(None, (self.target, self.coarser))
        parts = itertools.product(names, self.labels, self._measures)
        return tuple(f"{name}/{n}/{metric.name}" for name, n, metric in parts)

    @property
    def default_metrics(self) -> tuple[str, ...]:
        names = filter(None, (self.target, self.coarser))
        measures = ("auroc", "average_precision") if self._of_two else ()
        parts = itertools.product(names, (*measures, "accuracy", "balanced_accuracy"))
        return tuple(f"{name}/{self.labels[-1]}/{metric}" for name, metric in parts)

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """The items that have a class, by element set, formula and value.

        Raises:
            UserError: the target is unknown, is text, is not a whole number, or has one class alone;
                the data set states no such coarser classes; or too few materials have a class.
        """
        dataset = self.per_item(dataset)
        index = self.drawn(dataset, self.known(dataset))
        items = self.chosen(dataset, index)
        level = self._levels(items)[0]
        counts = np.bincount(level.codes)
        if counts.max() == len(index):
            raise UserError(
                f"task.target: all {len(index):,} {self.noun} are of the class "
                f"'{level.classes[counts.argmax()]}': there is nothing to distinguish; take another "
                "target, or cut it elsewhere"
            )
        rare = (counts == 1).sum()
        alone = f", {rare} of them of one {self.noun[:-1]} alone" if rare else ""
        items.attrs["summary"] += f": {self.target} in {len(counts)} classes{alone}"
        return items

    def known(self, dataset: xr.Dataset) -> np.ndarray:
        """Which materials have a class (1, n)."""
        along = {n: v for n, v in dataset.variables.items() if v.dims == ("material",)}
        numbers = [str(name) for name, v in along.items() if v.dtype.kind in "fiu"]
        if self.target not in numbers:
            title = dataset.attrs["title"]
            wrong = (
                f"of {title} holds text"
                if self.target in along
                else f"is not a variable of {title}"
            )
            raise UserError(
                f"task.target: '{self.target}' {wrong}; a class is a whole number, or a side of "
                f"one; {nearest(self.target, numbers)}"
            )
        values = dataset[self.target].values
        known = np.isfinite(values) & (values != dataset[self.target].attrs.get("missing_value"))
        broken = values[known] % 1 != 0
        if not self._of_two and broken.any():
            raise UserError(
                f"task.target: '{self.target}' is a number such as {values[known][broken][0]:g}, "
                "not a class; make two classes of it by 'above' or 'at_most'"
            )
        return known[None]

    def require(self, items: xr.Dataset, split: Split, asked: Sequence[str] = ()) -> None:
        """Refuse more labels than there are, and, of two classes, a hold-out of one.

        Raises:
            UserError: says which.
        """
        codes = self._levels(items)[0].codes
        self.require_labels(self.target, codes, split)
        if self._of_two and not rankable(positive := codes[split.holdout] == 1):
            raise UserError(
                f"task.{'above' if self.above is not None else 'at_most'}: {positive.sum()} of the "
                f"{len(positive)} held-out {self.noun} of split '{split.label}' are of the positive "
                "class, and a ranking needs both; hold out more, or take another value"
            )

    def truth(self, items: xr.Dataset) -> IntArray:
        return self._levels(items)[0].codes[None]

    def width(self, items: xr.Dataset) -> int:
        return len(self._levels(items)[0].classes)

    def said(self, learner: Any, labelled: Labelled, asked: Any, width: int) -> FloatArray:
        """The probability of every class (m, width); that of an unseen one is 0.

        Where the labelled items have one class, or one latent vector, their classes' shares (width,).
        """
        classes, inputs = labelled.labels, labelled.inputs
        alike = isinstance(inputs, np.ndarray) and not np.ptp(inputs, axis=0).any()
        if alike or np.ptp(classes) == 0:
            return np.bincount(classes, minlength=width) / len(classes)
        learner.fit(inputs, classes, labelled.groups)
        probabilities = learner.predict_proba(asked)
        out = np.zeros((len(probabilities), width))
        out[:, learner.classes_] = probabilities
        return out

    def scores(self, items: xr.Dataset, answers: FloatArray) -> FloatArray:
        """At the most labels: of the positive class, or of the most probable one."""
        best = answers[0, -1]
        return best[:, 1] if self._of_two else best.max(axis=1)

    def evaluation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray, resamples: int
    ) -> Evaluation:
        parts, sets = [], items["element_set"].values[split.holdout]
        for prefix, of_all in self._answers(items, split, seed, answers):
            held = of_all.take(split.holdout)
            evaluation = evaluate_classes(held, self._classification, sets, resamples)
            if self._of_two:
                order = evaluate(
                    held.probabilities[:, 1],
                    held.true == 1,
                    prior=0.0,
                    n_resamples=resamples,
                    groups=sets,
                    metrics=self.ranking,
                )
                evaluation = together([evaluation, order])
            parts.append(prefixed(prefix, evaluation))
        return together(parts)

    def variables(self, items: xr.Dataset, split: Split, answers: FloatArray) -> dict[str, Any]:
        levels = self._levels(items)
        coarsest, level = levels[-1].answers(answers[0, -1], split.train), levels[-1]
        positive = {"positive": level.classes[1]} if self._of_two else {}
        confusion = coarsest.take(split.holdout).counts
        return {
            "class": levels[0].classes,
            "truth": ("candidate", levels[0].codes, positive),
            "predicted": (("labels", "candidate"), answers[0].argmax(axis=2)),
            "labels": [str(n) for n in self.labels],
            "confusion": (("true_class", "predicted_class"), confusion, {"of": level.name}),
            "true_class": level.classes,
            "predicted_class": level.classes,
            "group": ("candidate", np.unique(items["element_set"], return_inverse=True)[1]),
        }

    def validation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray
    ) -> dict[str, float]:
        out: dict[str, float] = {}
        for prefix, of_all in self._answers(items, split, seed, answers):
            watched = of_all.take(split.validation)
            measured = dict.fromkeys((metric.name for metric in self._measures), float("nan"))
            if len(watched.true):
                measured |= class_metrics(watched, self._classification)
            if self._of_two and rankable(watched.true == 1):
                measured |= ranking_metrics(
                    watched.probabilities[:, 1],
                    watched.true == 1,
                    prior=0.0,
                    metrics=self.ranking,
                )
            out |= {prefix + metric: value for metric, value in measured.items()}
        return out

    def figures(self, cell: xr.Dataset) -> dict[str, Figure]:
        from framework.figures.classification import confusion_matrix, roc_curve

        figures = {"roc_curve": roc_curve(cell), "confusion_matrix": confusion_matrix(cell)}
        return {name: figure for name, figure in figures.items() if figure is not None}

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> dict[str, Figure]:
        from framework.figures.classification import roc_curves
        from framework.figures.regression import learning_curves

        figures = {"learning_curves": learning_curves(cube, table)}
        if (curves := roc_curves(cube, table)) is not None:
            figures["roc_curves"] = curves
        return figures

    @property
    def _of_two(self) -> bool:
        return self.above is not None or self.at_most is not None

    @property
    def _measures(self) -> tuple[Metric, ...]:
        return (*self._classification, *(self.ranking if self._of_two else ()))

    def _answers(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray
    ) -> Iterator[tuple[str, Answers]]:
        """What is said of all items, by the prefix of its metrics: of the target, then of its
        coarser classes, by number of labels."""
        levels = self._levels(items)
        for level, (i, n) in itertools.product(levels, enumerate(self.labels)):
            labelled = self.labelled(levels[0].codes, split, seed, n)
            yield f"{level.name}/{n}/", level.answers(answers[0, i], labelled)

    def _levels(self, items: xr.Dataset) -> list[Level]:
        """The classes of the items, and the coarser ones where they are asked for."""
        values = items[self.target].values
        if self._of_two:
            cut = self.above if self.above is not None else self.at_most
            below, beyond = (f"{self.target.replace('_', ' ')} {sign} {cut:g}" for sign in "≤>")
            names = [below, beyond] if self.above is not None else [beyond, below]
            positive = (values > cut) == (self.above is not None)
            return [Level(self.target, names, np.arange(2), positive.astype(np.int64))]
        classes, codes = np.unique(values, return_inverse=True)
        names = [str(int(value)) for value in classes]
        levels = [Level(self.target, names, np.arange(len(classes)), codes)]
        if self.coarser is not None:
            coarse, member = coarser(items, self.target, self.coarser, classes)
            levels.append(Level(self.coarser, coarse, member, member[codes]))
        return levels
