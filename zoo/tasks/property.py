"""Property: how well a probe predicts properties of unseen materials from frozen latent vectors.

This is how encoders of composition, diffraction and anything else meet in one table. An encoder that
learns from labels itself takes the probe's place, with the same labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.contracts.predictor import Predictor
from framework.contracts.split import Split
from framework.metrics.bootstrap import FloatArray
from framework.metrics.evaluation import Evaluation, prefixed, together, unknown
from framework.metrics.metric import Metric
from framework.metrics.ranking import evaluate, ranking_metrics
from framework.metrics.ranks import RankingMetric
from framework.metrics.regression import (
    REGRESSION,
    RegressionMetric,
    evaluate_regression,
    regression_metrics,
)
from framework.registry.metrics import metrics_of
from framework.registry.parameters import Float
from zoo.labelled_items import ALL, Aggregate, Labels, Of, having, require_once
from zoo.probing import Labelled, Probing, rankable

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
        labels, probe, sample, of, aggregate, extra_metrics: see `Probing`.
        hits: share of the materials that counts as hits.
        above: values by property; all materials above one are hits, instead of a share of them
            (``band_gap: 0`` asks for what is not a metal).
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
        of: Of = "material",
        aggregate: Aggregate = "largest",
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.properties, self.hits, self.lowest, self.above = properties, hits, lowest, above
        _check(properties, (*lowest, *(above or {})))
        super().__init__(labels, probe, sample, of, aggregate, extra_metrics)
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
        measures = ("mae", "r2", "spearman")
        parts = itertools.product(self.properties, measures)
        return tuple(f"{name}/{self.labels[-1]}/{metric}" for name, metric in parts)

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """The items that have a property or more, by element set, formula and values.

        Raises:
            UserError: a property is unknown, is text, or has one value alone; or too few
                materials have it.
        """
        dataset = self.per_item(dataset)
        known = self.known(dataset)
        index = self.drawn(dataset, known)
        for name, has in zip(self.properties, known[:, index], strict=True):
            if np.ptp(values := dataset[name].values[index[has]]) == 0:
                raise UserError(
                    f"task.properties: '{name}' is {values[0]:g} for all {len(values)} {self.noun}: "
                    "there is nothing to predict; take another property"
                )
        items = self.chosen(dataset, index)
        counts = ", ".join(
            f"{name} of {has.sum():,}"
            for name, has in zip(self.properties, known[:, index], strict=True)
        )
        items.attrs["summary"] += f": {counts}"
        return items

    def require(self, items: xr.Dataset, split: Split, asked: Sequence[str] = ()) -> None:
        """Refuse more labels than there are, and, where a ranking metric is asked for, a hold-out
        without hits or without others. Where none is, they are NaN.

        Raises:
            UserError: says which.
        """
        for name, values in zip(self.properties, self.truth(items), strict=True):
            self.require_labels(name, values, split)
            hits = self._hits(name, values[having(values, split.holdout)])
            ranked = {f"{name}/{n}/{m.name}" for n in self.labels for m in self.ranking}
            if ranked & set(asked) and not rankable(hits):
                raise UserError(
                    f"task.hits: {hits.sum()} of the {len(hits)} held-out {self.noun} of split "
                    f"'{split.label}' are hits by {name}, and a ranking needs others too; "
                    "hold out more, or change hits"
                )

    def truth(self, items: xr.Dataset) -> FloatArray:
        return np.array([items[name].values for name in self.properties], np.float64)

    def width(self, items: xr.Dataset) -> int:
        return 2

    def said(self, learner: Any, labelled: Labelled, asked: Any, width: int) -> FloatArray:
        """Values and their standard deviations (m, 2), NaN where it states none."""
        learner.fit(labelled.inputs, labelled.labels, labelled.groups)
        values = learner.predict(asked)
        deviation = learner.uncertainty(asked)
        return np.column_stack(
            [values, np.full(len(values), np.nan) if deviation is None else deviation]
        )

    def scores(self, items: xr.Dataset, answers: FloatArray) -> FloatArray:
        """Of the first property, at the most labels."""
        return answers[0, -1, :, 0] * self._sign(self.properties[0])

    def evaluation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray, resamples: int
    ) -> Evaluation:
        truth = self.truth(items)
        parts = [
            prefixed(
                f"{name}/{n}/",
                self._evaluation(items, split, i, answers[i, j, :, 0], truth[i], resamples),
            )
            for i, name in enumerate(self.properties)
            for j, n in enumerate(self.labels)
        ]
        return together(parts)

    def variables(self, items: xr.Dataset, split: Split, answers: FloatArray) -> dict[str, Any]:
        dims = ("property", "labels", "candidate")
        predicted, deviation = np.moveaxis(answers, 3, 0).astype(np.float32)
        stated = {"uncertainty": (dims, deviation)} if np.isfinite(deviation).any() else {}
        return {
            "prediction": (dims, predicted),
            **stated,
            "truth": (("property", "candidate"), self.truth(items).astype(np.float32)),
            "property": list(self.properties),
            "units": ("property", [items[n].attrs.get("units", "") for n in self.properties]),
            "labels": [str(n) for n in self.labels],
        }

    def validation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray
    ) -> dict[str, float]:
        truth, predicted = self.truth(items), answers[..., 0]
        out: dict[str, float] = {}
        for i, name in enumerate(self.properties):
            index = having(truth[i], split.validation)
            true = truth[i, index]
            hits = self._hits(name, true)
            for j, n in enumerate(self.labels):
                metrics = (*self.regression, *self.ranking)
                measured = dict.fromkeys((metric.name for metric in metrics), float("nan"))
                values = predicted[i, j, index]
                if len(true):
                    measured |= regression_metrics(values, true, self.regression)
                if rankable(hits):
                    measured |= ranking_metrics(
                        values * self._sign(name), hits, prior=0.0, metrics=self.ranking
                    )
                out |= {f"{name}/{n}/{metric}": value for metric, value in measured.items()}
        return out

    def figures(self, cell: xr.Dataset) -> dict[str, Figure]:
        from framework.figures.regression import parity

        return {"parity": parity(cell)}

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> dict[str, Figure]:
        from framework.figures.regression import learning_curves

        return {"learning_curves": learning_curves(cube, table)}

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
        self,
        items: xr.Dataset,
        split: Split,
        i: int,
        predicted: FloatArray,
        true: FloatArray,
        resamples: int,
    ) -> Evaluation:
        """Of the i-th property on the hold-out; predicted and true (n,)."""
        name, index = self.properties[i], having(true, split.holdout)
        predicted, true = predicted[index], true[index]
        sets = items["element_set"].values[index]
        hits = self._hits(name, true)
        order = unknown(self.ranking, resamples)
        if rankable(hits):
            order = evaluate(
                predicted * self._sign(name),
                hits,
                prior=0.0,
                n_resamples=resamples,
                groups=sets,
                metrics=self.ranking,
            )
        values = evaluate_regression(predicted, true, sets, resamples, metrics=self.regression)
        return together([values, order])

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
                    f"task.properties: '{name}' is not a property of {dataset.attrs['title']}; "
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
            raise UserError(f"task: '{name}' cannot be in lowest and in above; choose one")
