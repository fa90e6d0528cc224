"""Property: how well a probe predicts properties of unseen materials from frozen latent vectors.

This is how encoders of composition, diffraction and anything else meet in one table. An encoder that
learns from labels itself (`framework.contracts.learner.EndToEnd`) takes the probe's place, with the same
labels.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.contracts.learner import EndToEnd
from framework.contracts.predictor import Predictor
from framework.contracts.split import Split
from framework.contracts.task import Fit, Judged
from framework.metrics.bootstrap import FloatArray
from framework.metrics.evaluation import Evaluation, prefixed, together
from framework.metrics.metric import Metric
from framework.metrics.ranking import evaluate
from framework.metrics.ranks import RankingMetric
from framework.metrics.regression import (
    REGRESSION,
    RegressionMetric,
    evaluate_regression,
    regression_metrics,
)
from framework.registry.metrics import metrics_of
from framework.registry.parameters import Float
from zoo.probing import (
    ALL,
    Labels,
    Probing,
    having,
    rankable,
    ranked,
    require_once,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Property(Probing):
    """Metrics are called property/labels/metric: ``formation_energy/250/mae``.

    Hits of the ranking metrics are the top fraction of what is ranked, by true value, with all
    that tie with the last of them, or all materials above a stated value. Intervals resample
    element sets, which the split holds out whole.

    Args:
        properties: variables of the data set; a material without any of them is left out, and
            counted. One that lacks some of them counts for the others.
        labels, probe, sample, extra_metrics: see `Probing`.
        hits: share of the materials that counts as hits.
        above: values by property; all materials above one are hits, instead of a share of them
            (``band_gap: 0`` asks for what is no metal).
        lowest: properties of which the lowest values are hits, rather than the highest.
    """

    name = "property"
    kind = Predictor
    measures: type[Metric] = RegressionMetric

    def __init__(
        self,
        properties: tuple[str, ...],
        labels: Labels = (50, 250, ALL),
        probe: str | dict[str, Any] = "ridge",
        hits: Annotated[float, Float(0.01, 0.5)] = 0.1,
        lowest: tuple[str, ...] = (),
        above: dict[str, float] | None = None,
        sample: int | None = None,
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.properties, self.hits, self.lowest, self.above = properties, hits, lowest, above
        _check(properties, (*lowest, *(above or {})))
        super().__init__(labels, probe, sample, extra_metrics)
        others = metrics_of(RegressionMetric, extra_metrics, (RankingMetric,))
        self.regression = (*REGRESSION.values(), *others)

    @property
    def targets(self) -> tuple[str, ...]:
        return self.properties

    @property
    def metrics(self) -> tuple[str, ...]:
        measured = (*self.regression, *self.ranking)
        parts = itertools.product(self.properties, self.labels, measured)
        return tuple(f"{name}/{n}/{metric.name}" for name, n, metric in parts)

    @property
    def default_metrics(self) -> tuple[str, ...]:
        most = self.labels[-1]
        names = itertools.product(self.properties, ("mae", "r2", "spearman"))
        return tuple(f"{name}/{most}/{metric}" for name, metric in names)

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """The materials that have a property or more, by element set, formula and values.

        Raises:
            UserError: a property is unknown, is text, or has one value alone; or too few
                materials have it.
        """
        known = self.known(dataset)
        index = self.drawn(dataset, known)
        for name, own in zip(self.properties, known[:, index], strict=True):
            if np.ptp(values := dataset[name].values[index[own]]) == 0:
                raise UserError(
                    f"task.properties: '{name}' is {values[0]:g} for all {len(values)} materials: "
                    "there is nothing to predict; take another property"
                )
        items = self.chosen(dataset, index)
        counts = ", ".join(
            f"{name} of {own.sum():,}"
            for name, own in zip(self.properties, known[:, index], strict=True)
        )
        items.attrs["summary"] += f": {counts}"
        return items

    def require(self, items: xr.Dataset, split: Split) -> None:
        """Refuse more labels than there are, and a hold-out without hits or without others.

        Raises:
            UserError: says which.
        """
        for name, values in zip(self.properties, self._truth(items), strict=True):
            self.require_labels(name, values, split)
            hits = self._hits(name, values[having(values, split.holdout)])
            if not rankable(hits):
                raise UserError(
                    f"task.hits: {hits.sum()} of the {len(hits)} held-out materials of split "
                    f"'{split.label}' are hits by {name}, and a ranking needs others too; "
                    "hold out more, or change hits"
                )

    def judge(self, done: Fit, resamples: int) -> Judged:
        split, truth = done.split, self._truth(done.items)
        started = time.perf_counter()
        predicted = self._predicted(done, done.encoder.transform(done.samples))
        seconds = time.perf_counter() - started
        found = [
            prefixed(
                f"{name}/{n}/",
                self._evaluation(done, name, predicted[i, j], truth[i], resamples),
            )
            for i, name in enumerate(self.properties)
            for j, n in enumerate(self.labels)
        ]
        best = predicted[0, -1] * self._sign(self.properties[0])
        dims = ("property", "labels", "candidate")
        variables = {
            "prediction": (dims, predicted.astype(np.float32)),
            "truth": (("property", "candidate"), truth.astype(np.float32)),
            "property": list(self.properties),
            "units": ("property", [done.items[n].attrs.get("units", "") for n in self.properties]),
            "labels": [str(n) for n in self.labels],
        }
        validation = self._validation(predicted, truth, split)
        kept = ("truth",)
        return Judged(best, together(found), validation, seconds, variables, kept)

    def measured(self, done: Fit, latents: np.ndarray) -> dict[str, float]:
        predicted = self._predicted(done, latents, done.split.validation)
        return self._validation(predicted, self._truth(done.items), done.split)

    def answer(
        self,
        done: Fit,
        latents: np.ndarray,
        values: np.ndarray,
        own: np.ndarray,
        asked: np.ndarray,
    ) -> FloatArray:
        groups = done.items["element_set"].values[own]
        probe = self.new_probe(done.encoder.seed).fit(latents[own], values[own], groups)
        return probe.predict(latents[asked]) if len(asked) else np.empty(0)

    def figures(self, cell: xr.Dataset) -> dict[str, Figure]:
        from framework.figures.regression import parity

        return {"parity": parity(cell)}

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> dict[str, Figure]:
        from framework.figures.regression import learning_curves

        return {"learning_curves": learning_curves(cube, table)}

    def _predicted(
        self, done: Fit, latents: np.ndarray, wanted: np.ndarray | None = None
    ) -> FloatArray:
        """(property, labels, n) from latent vectors (n, d); NaN beyond ``wanted``, if given."""
        truth = self._truth(done.items)
        if isinstance(done.encoder, EndToEnd):
            index = np.arange(len(latents)) if wanted is None else wanted
            return self._end_to_end(done, done.encoder, index)
        return np.array([self.answers(done, latents, values, wanted) for values in truth])

    def _end_to_end(self, done: Fit, encoder: EndToEnd, index: np.ndarray) -> FloatArray:
        """(property, labels, n) by an encoder that learns from the labels itself; NaN beyond the
        ``index``. Of the other properties it is given what the training part has."""
        truth, train = self._truth(done.items), done.split.train
        out = np.full((len(self.properties), len(self.labels), truth.shape[1]), np.nan)
        for i, values in enumerate(truth):
            others = np.delete(truth, i, axis=0)[:, train].T
            learn = encoder.learner(done.samples.take(train), others)
            for j, n in enumerate(self.labels):
                own = self.labelled(values, done.split, encoder.seed, n)
                if len(index):
                    asked = done.samples.take(index)
                    out[i, j, index] = learn(done.samples.take(own), values[own], asked)
        return out

    def _truth(self, items: xr.Dataset) -> FloatArray:
        """(property, n)"""
        return np.array([items[name].values for name in self.properties], np.float64)

    def _sign(self, name: str) -> int:
        return -1 if name in self.lowest else 1

    def _hits(self, name: str, values: np.ndarray) -> np.ndarray:
        """The hits (n,) by true value: of the top fraction all that tie with the last of them."""
        if name in (self.above or {}):
            return values > self.above[name]  # type: ignore[index]
        signed = values * self._sign(name)
        n = max(1, round(self.hits * len(values)))
        return signed >= np.sort(signed)[-n] if len(values) else signed > 0

    def _evaluation(
        self, done: Fit, name: str, predicted: FloatArray, true: FloatArray, resamples: int
    ) -> Evaluation:
        """The metrics of one property on the hold-out; predicted and true (n,)."""
        index = having(true, done.split.holdout)
        predicted, true = predicted[index], true[index]
        sets = done.items["element_set"].values[index]
        order = evaluate(
            predicted * self._sign(name),
            self._hits(name, true),
            prior=0.0,
            n_resamples=resamples,
            groups=sets,
            metrics=self.ranking,
        )
        values = evaluate_regression(predicted, true, sets, resamples, metrics=self.regression)
        return together([values, order])

    def _validation(
        self, predicted: FloatArray, truth: FloatArray, split: Split
    ) -> dict[str, float]:
        """The values alone, of predictions (property, labels, n); NaN where the part holds nothing
        that could be ranked."""
        out: dict[str, float] = {}
        for i, name in enumerate(self.properties):
            index = having(truth[i], split.validation)
            true = truth[i, index]
            hits = self._hits(name, true)
            for j, n in enumerate(self.labels):
                measured = (*self.regression, *self.ranking)
                found = dict.fromkeys((metric.name for metric in measured), float("nan"))
                if rankable(hits):
                    own = predicted[i, j, index]
                    found = regression_metrics(own, true, self.regression)
                    found |= ranked(own * self._sign(name), hits, self.ranking)
                out |= {f"{name}/{n}/{metric}": value for metric, value in found.items()}
        return out

    def known(self, dataset: xr.Dataset) -> np.ndarray:
        """Which materials have a finite value of each property (property, n)."""
        known = dataset.attrs["properties"].split()
        for name in self.properties:
            if name in dataset.variables and dataset[name].dtype.kind not in "fiu":
                raise UserError(
                    f"task.properties: '{name}' holds text, and a property is a number; "
                    f"{nearest(name, known)}"
                )
            if name not in known:
                raise UserError(
                    f"task.properties: '{name}' is no property of {dataset.attrs['title']}; "
                    f"{nearest(name, known)}"
                )
        return np.isfinite([dataset[name].values for name in self.properties])


def _check(properties: tuple[str, ...], named: tuple[str, ...]) -> None:
    """Refuse settings that make no task.

    Raises:
        UserError: says which, and what would do.
    """
    require_once("properties", properties)
    for name in named:
        if name not in properties:
            raise UserError(f"task: '{name}' is not in properties; {nearest(name, properties)}")
        if named.count(name) > 1:
            raise UserError(f"task: '{name}' cannot stand in lowest and in above; choose one")
