"""Classification: how well a probe tells classes of unseen materials from frozen latent vectors.

A class is an integer of the data set (a space group), or a side of a value (stable or not). Classes
that no labelled material has are errors of every probe; the metric ``seen`` says how many.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.contracts.predictor import Classifier
from framework.contracts.split import Split
from framework.contracts.task import Fit, Judged
from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.classification import (
    CLASSIFICATION,
    Answers,
    ClassificationMetric,
    class_metrics,
    evaluate_classes,
)
from framework.metrics.evaluation import prefixed, together
from framework.metrics.metric import Metric
from framework.metrics.ranking import evaluate
from framework.metrics.ranks import RankingMetric
from framework.registry.metrics import metrics_of
from zoo.probing import ALL, Labels, Probing, rankable, ranked

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Level:
    """Classes, or coarser ones, of all items.

    Attributes:
        classes: their names (k,).
        member: the one to which each class of the target belongs (n_classes,).
        codes: the one of every item (n,), its position in ``classes``.
    """

    name: str
    classes: list[str]
    member: IntArray
    codes: IntArray

    def answers(self, probabilities: FloatArray, labelled: np.ndarray) -> Answers:
        """Of all items, from the probabilities of the target's classes (n, n_classes), learned
        from the items ``labelled`` (m,)."""
        summed = probabilities @ (self.member[:, None] == np.arange(len(self.classes)))
        return Answers(summed, self.codes, np.isin(self.codes, self.codes[labelled]))


class Classification(Probing):
    """Metrics are called target/labels/metric: ``space_group/all/accuracy``. Intervals resample
    element sets, which the split holds out whole.

    Args:
        target: a variable of whole numbers, each of them a class; or any property, of which
            ``above`` or ``at_most`` makes two classes.
        labels, probe, sample, extra_metrics: see `Probing`.
        above: the positive class is what lies above this value.
        at_most: the positive class is what does not lie above this value.
        coarser: classes of classes that the data set states of the target (``crystal_system``
            of ``space_group``): their probabilities are sums.
    """

    name = "classification"
    kind = Classifier
    measures: type[Metric] = ClassificationMetric

    def __init__(
        self,
        target: str,
        labels: Labels = (250, ALL),
        probe: str | dict[str, Any] = "gradient_boosting_classifier",
        above: float | None = None,
        at_most: float | None = None,
        coarser: str | None = None,
        sample: int | None = None,
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.target, self.above, self.at_most, self.coarser = target, above, at_most, coarser
        given = [key for key in ("above", "at_most", "coarser") if getattr(self, key) is not None]
        if len(given) > 1:
            raise UserError(
                f"task: {' and '.join(given)} stand together; a target is cut in two by one of "
                "'above' and 'at_most', or has 'coarser' classes"
            )
        super().__init__(labels, probe, sample, extra_metrics)
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
        shown = ("auroc", "accuracy", "f1") if self._of_two else ("accuracy", "balanced_accuracy")
        names = filter(None, (self.target, self.coarser))
        parts = itertools.product(names, shown)
        return tuple(f"{name}/{self.labels[-1]}/{metric}" for name, metric in parts)

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """The materials that have a class, by element set, formula and value.

        Raises:
            UserError: the target is unknown, is text, is no whole number, or has one class alone;
                the data set states no such coarser classes; or too few materials have a class.
        """
        index = self.drawn(dataset, self.known(dataset))
        items = self.chosen(dataset, index)
        level = self._levels(items)[0]
        counts = np.bincount(level.codes)
        if counts.max() == len(index):
            raise UserError(
                f"task.target: all {len(index):,} materials are of the class "
                f"'{level.classes[counts.argmax()]}': there is nothing to tell apart; take another "
                "target, or cut it elsewhere"
            )
        rare = (counts == 1).sum()
        alone = f", {rare} of them of one material alone" if rare else ""
        items.attrs["summary"] += f": {self.target} in {len(counts)} classes{alone}"
        return items

    def known(self, dataset: xr.Dataset) -> np.ndarray:
        """Which materials have a class (1, n)."""
        along = {n: v for n, v in dataset.variables.items() if v.dims == ("material",)}
        numbers = [str(name) for name, v in along.items() if v.dtype.kind in "fiu"]
        if self.target not in numbers:
            title = dataset.attrs["title"]
            held = self.target in along
            wrong = f"of {title} holds text" if held else f"is no variable of {title}"
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

    def require(self, items: xr.Dataset, split: Split) -> None:
        """Refuse more labels than there are, and, of two classes, a hold-out of one.

        Raises:
            UserError: says which.
        """
        codes = self._levels(items)[0].codes
        self.require_labels(self.target, codes, split)
        if self._of_two and not rankable(held := codes[split.holdout] == 1):
            raise UserError(
                f"task.{'above' if self.above is not None else 'at_most'}: {held.sum()} of the "
                f"{len(held)} held-out materials of split '{split.label}' are of the positive "
                "class, and a ranking needs both; hold out more, or take another value"
            )

    def judge(self, done: Fit, resamples: int) -> Judged:
        split, levels = done.split, self._levels(done.items)
        started = time.perf_counter()
        latents = done.encoder.transform(done.samples)
        probabilities = self.answers(done, latents, levels[0].codes)
        seconds = time.perf_counter() - started
        sets = done.items["element_set"].values[split.holdout]
        found = []
        for prefix, answers in self._answers(done, probabilities):
            held = answers.take(split.holdout)
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
            found.append(prefixed(prefix, evaluation))
        # `held` is now of the coarsest classes, at the most labels
        best, level = probabilities[-1], levels[-1]
        positive = {"positive": level.classes[1]} if self._of_two else {}
        variables = {
            "class": levels[0].classes,
            "truth": ("candidate", levels[0].codes, positive),
            "predicted": (("labels", "candidate"), probabilities.argmax(axis=2)),
            "labels": [str(n) for n in self.labels],
            "confusion": (("true_class", "predicted_class"), held.counts, {"of": level.name}),
            "true_class": level.classes,
            "predicted_class": level.classes,
            "group": ("candidate", np.unique(done.items["element_set"], return_inverse=True)[1]),
        }
        scores = best[:, 1] if self._of_two else best.max(axis=1)
        validation = self._validation(done, probabilities)
        kept = ("truth", "group")
        return Judged(scores, together(found), validation, seconds, variables, kept)

    def measured(self, done: Fit, latents: np.ndarray) -> dict[str, float]:
        codes = self._levels(done.items)[0].codes
        return self._validation(done, self.answers(done, latents, codes, done.split.validation))

    def answer(
        self,
        done: Fit,
        latents: np.ndarray,
        values: np.ndarray,
        own: np.ndarray,
        asked: np.ndarray,
    ) -> FloatArray:
        """The probability of every class (m, n_classes); that of an unseen one is 0.

        Where the labelled materials have one class, or one latent vector, their classes' shares.
        """
        classes, vectors = values[own], latents[own]
        out = np.zeros((len(asked), values.max() + 1))
        if np.ptp(classes) == 0 or not np.ptp(vectors, axis=0).any():
            out[:] = np.bincount(classes, minlength=out.shape[1]) / len(own)
        elif len(asked):
            groups = done.items["element_set"].values[own]
            probe = self.new_probe(done.encoder.seed).fit(vectors, classes, groups)
            out[:, probe.classes_] = probe.predict_proba(latents[asked])
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

    def _answers(self, done: Fit, probabilities: FloatArray) -> Iterator[tuple[str, Answers]]:
        """What is said of all items, by the prefix of its metrics: of the target, then of its
        coarser classes, by number of labels, from probabilities (labels, n, n_classes)."""
        levels = self._levels(done.items)
        for level, (i, n) in itertools.product(levels, enumerate(self.labels)):
            labelled = self.labelled(levels[0].codes, done.split, done.encoder.seed, n)
            yield f"{level.name}/{n}/", level.answers(probabilities[i], labelled)

    def _validation(self, done: Fit, probabilities: FloatArray) -> dict[str, float]:
        """The values alone, of probabilities (labels, n, n_classes); NaN where the part holds
        nothing, or nothing that could be ranked."""
        out: dict[str, float] = {}
        for prefix, answers in self._answers(done, probabilities):
            own = answers.take(done.split.validation)
            found = dict.fromkeys((metric.name for metric in self._measures), float("nan"))
            if len(own.true):
                found |= class_metrics(own, self._classification)
            if self._of_two and rankable(own.true == 1):
                found |= ranked(own.probabilities[:, 1], own.true == 1, self.ranking)
            out |= {prefix + metric: value for metric, value in found.items()}
        return out

    def _levels(self, items: xr.Dataset) -> list[_Level]:
        """The classes of the items, and the coarser ones where they are asked for."""
        values = items[self.target].values
        if self._of_two:
            cut = self.above if self.above is not None else self.at_most
            below, beyond = (f"{self.target.replace('_', ' ')} {sign} {cut:g}" for sign in "≤>")
            names = [below, beyond] if self.above is not None else [beyond, below]
            positive = (values > cut) == (self.above is not None)
            return [_Level(self.target, names, np.arange(2), positive.astype(np.int64))]
        classes, codes = np.unique(values, return_inverse=True)
        names = [str(int(value)) for value in classes]
        levels = [_Level(self.target, names, np.arange(len(classes)), codes)]
        if self.coarser is not None:
            coarse, member = self._coarser(items, classes)
            levels.append(_Level(self.coarser, coarse, member, member[codes]))
        return levels

    def _coarser(self, items: xr.Dataset, classes: np.ndarray) -> tuple[list[str], IntArray]:
        """The names (k,) of the coarser classes, and that of each class (n_classes,).

        Raises:
            UserError: the data set states none of this name, or leaves a class out.
        """
        stated = json.loads(items[self.target].attrs.get("coarser", "{}"))
        if self.coarser not in stated:
            hint = nearest(str(self.coarser), stated) if stated else "leave it out"
            raise UserError(
                f"task.coarser: the data set states no '{self.coarser}' of {self.target}; {hint}"
            )
        ranges = np.array(list(stated[self.coarser].values()))
        inside = (classes[:, None] >= ranges[:, 0]) & (classes[:, None] <= ranges[:, 1])
        if not inside.any(axis=1).all():
            lost = classes[~inside.any(axis=1)][0]
            raise UserError(f"task.coarser: {self.target} {lost:g} lies in no {self.coarser}")
        return list(stated[self.coarser]), inside.argmax(axis=1)
