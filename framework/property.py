"""Property: how well a probe predicts properties of unseen materials from frozen latent vectors.

The encoder learns from the whole training part without labels. Then one and the same probe learns
each property from n labelled materials of the training part, for several n, and predicts the
hold-out. This is how encoders of composition, diffraction and anything else meet in one table. An
encoder that learns from labels itself (`framework.encoder.EndToEnd`) takes the probe's place, with
the same labels.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr

from framework.bootstrap import FloatArray
from framework.config import component_from
from framework.dataset import UnusableRow, content_digest, take
from framework.encoder import EndToEnd
from framework.errors import UserError, nearest
from framework.metrics import METRICS, Evaluation, evaluate, ranking_metrics
from framework.predictor import Predictor
from framework.registry import PREDICTORS
from framework.regression import REGRESSION, evaluate_regression, regression_metrics
from framework.space import Float, checked
from framework.task import Fit, Judged, Split

ALL: Literal["all"] = "all"
LEAST_LABELS = 10
RANKING = tuple(name for name in METRICS if name != "auroc_pu")
"""Ranking metrics here; the labels are known, so no share of hidden hits is corrected for."""

MEASURED = (*REGRESSION, *RANKING)


class Property:
    """Metrics are called property/labels/metric: ``formation_energy/250/mae``.

    Hits of the ranking metrics are the top fraction of what is ranked, by true value, or all
    materials above a stated value.

    Args:
        properties: variables of the data set; a material without any of them is left out, and
            counted. One that lacks some of them counts for the others.
        labels: numbers of labelled training materials; ``all`` for the whole training part. They
            are drawn by the run's seed, the fewer among the more, the same for every encoder.
        probe: the predictor: a registered name, or a mapping with ``name`` and its settings.
        hits: share of the materials that counts as hits.
        above: values by property; all materials above one are hits, instead of a share of them
            (``band_gap: 0`` asks for what is no metal).
        lowest: properties of which the lowest values are hits, rather than the highest.
        sample: element sets that are drawn, once for all seeds; all where None.
    """

    name = "property"
    members = None

    def __init__(
        self,
        properties: tuple[str, ...],
        labels: tuple[int | Literal["all"], ...] = (50, 250, ALL),
        probe: str | dict[str, Any] = "ridge",
        hits: Annotated[float, Float(0.01, 0.5)] = 0.1,
        lowest: tuple[str, ...] = (),
        above: dict[str, float] | None = None,
        sample: int | None = None,
    ) -> None:
        self.properties, self.labels, self.probe = properties, labels, probe
        self.hits, self.lowest, self.above, self.sample = hits, lowest, above, sample
        _check(properties, labels, (*lowest, *(above or {})), sample)
        where = "task.probe"
        source = component_from(probe, where)
        item = PREDICTORS.load(source.name, where)
        self._probe = item, checked(item, source.parameters, name=source.name, where=where)
        self.unusable: list[UnusableRow] = []
        self.sources: tuple[Path, ...] = (PREDICTORS.source(source.name),)

    @property
    def metrics(self) -> tuple[str, ...]:
        parts = itertools.product(self.properties, self.labels, MEASURED)
        return tuple(f"{name}/{n}/{metric}" for name, n, metric in parts)

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """The materials that have a property or more, by element set, formula and values.

        Raises:
            UserError: a property is unknown, is text, or has one value alone; or too few
                materials have it.
        """
        known = self._known(dataset)
        sets = dataset["element_set"].values.astype(str)
        unique = np.unique(sets[known.any(axis=0)])
        if self.sample is not None and self.sample < len(unique):
            unique = np.random.default_rng(0).choice(unique, self.sample, replace=False)
        index = np.flatnonzero(known.any(axis=0) & np.isin(sets, unique))
        for name, own in zip(self.properties, known[:, index], strict=True):
            if own.sum() < 2 * LEAST_LABELS:
                raise UserError(
                    f"{dataset.attrs['title']}: {own.sum()} materials have {name}; at least "
                    f"{2 * LEAST_LABELS} are needed, one half of them to be labelled; bring more"
                )
            if np.ptp(values := dataset[name].values[index[own]]) == 0:
                raise UserError(
                    f"task.properties: '{name}' is {values[0]:g} for all {len(values)} materials: "
                    "there is nothing to predict; take another property"
                )
        keys = [dataset[name].values[index] for name in reversed(self.properties)]
        names = dataset["formula"].values.astype(str)[index], sets[index]
        items = take(dataset, index[np.lexsort([*keys, *names])])
        entry = dataset.attrs["time"]
        order = items[entry].values.astype(float) if entry else np.full(len(index), np.nan)
        everything = np.ones(len(index), dtype=bool)
        items = items.assign(reported=("material", everything), order=("material", order))
        items.attrs |= {"noun": "materials", "named_by": "formula"}
        items.attrs["digest"] = content_digest(items)
        counts = ", ".join(
            f"{name} of {own.sum():,}"
            for name, own in zip(self.properties, known[:, index], strict=True)
        )
        items.attrs["summary"] = (
            f"{len(index):,} of {len(sets):,} materials in {len(unique):,} element sets: {counts}"
        )
        return items

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials without any value, by their number in the data set from 1."""
        reason = f"no value of {' and '.join(self.properties)}"
        rows = []
        for i in np.flatnonzero(~self._known(dataset).any(axis=0)):
            text = str(dataset["formula"].values[i] or dataset["element_set"].values[i])
            rows.append(UnusableRow(int(i) + 1, reason, text))
        return rows

    def require(self, items: xr.Dataset, split: Split) -> None:
        """Refuse more labels than there are, and a hold-out without hits or without others.

        Raises:
            UserError: says which.
        """
        most = max(LEAST_LABELS if isinstance(each, str) else each for each in self.labels)
        for name, values in zip(self.properties, self._truth(items), strict=True):
            n = int(np.isfinite(values[split.train]).sum())
            if n < most:
                raise UserError(
                    f"task.labels: {most:,} are more than the {n:,} training materials of split "
                    f"'{split.label}' with {name}; lower it, write 'all', or bring more materials"
                )
            hits = self._hits(name, values[_with(values, split.holdout)])
            if hits.all() or not hits.any():
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
        found, validation = [], dict[str, float]()
        for i, name in enumerate(self.properties):
            for j, n in enumerate(self.labels):
                own, prefix = predicted[i, j], f"{name}/{n}/"
                found.append(self._evaluation(name, own, truth[i], split.holdout, resamples))
                found[-1] = _renamed(found[-1], prefix)
                measured = self._measured(name, own, truth[i], split.validation)
                validation |= {prefix + metric: value for metric, value in measured.items()}
        best = predicted[0, -1] * self._sign(self.properties[0])
        dims = ("property", "labels", "candidate")
        variables = {
            "prediction": (dims, predicted.astype(np.float32)),
            "truth": (("property", "candidate"), truth.astype(np.float32)),
            "property": list(self.properties),
            "units": ("property", [done.items[n].attrs.get("units", "") for n in self.properties]),
            "labels": [str(n) for n in self.labels],
        }
        return Judged(best, _together(found), validation, seconds, variables)

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        split, truth = done.split, self._truth(done.items)
        seen = np.concatenate([split.train, split.validation])
        latents = done.encoder.transform(done.samples.take(seen))
        scattered = np.full((len(truth[0]), latents.shape[1]), np.nan)
        scattered[seen] = latents
        predicted = self._predicted(done, scattered, split.validation)
        return {
            f"{name}/{n}/{metric}": value
            for i, name in enumerate(self.properties)
            for j, n in enumerate(self.labels)
            for metric, value in self._measured(
                name, predicted[i, j], truth[i], split.validation
            ).items()
        }

    def labelled(
        self, values: FloatArray, split: Split, seed: int, labels: int | str
    ) -> np.ndarray:
        """Which items (m,) are labelled with their values (n,): the first of a shuffled training
        part that have one."""
        order = np.random.default_rng([seed, 2]).permutation(split.train)
        order = _with(values, order)
        return order if labels == ALL else order[: int(labels)]

    def _predicted(
        self, done: Fit, latents: np.ndarray, wanted: np.ndarray | None = None
    ) -> FloatArray:
        """(property, labels, n) from latent vectors (n, d); NaN beyond ``wanted``, if given."""
        from threadpoolctl import threadpool_limits

        truth, groups = self._truth(done.items), done.items["element_set"].values
        index = np.arange(len(latents)) if wanted is None else wanted
        if isinstance(done.encoder, EndToEnd):
            return self._end_to_end(done, done.encoder, index)
        out = np.full((len(self.properties), len(self.labels), len(latents)), np.nan)
        seed = done.encoder.seed
        with threadpool_limits(1):  # equal to the bit whatever runs beside it
            for j, n in enumerate(self.labels):
                for i, values in enumerate(truth):
                    own = self.labelled(values, done.split, seed, n)
                    probe = self.new_probe(seed).fit(latents[own], values[own], groups[own])
                    if len(index):
                        out[i, j, index] = probe.predict(latents[index])
        return out

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

    def new_probe(self, seed: int) -> Predictor:
        """An unfitted probe."""
        cls, settings = self._probe
        probe: Predictor = cls(**settings)
        probe.seed = seed
        return probe

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
        self, name: str, predicted: FloatArray, true: FloatArray, index: np.ndarray, resamples: int
    ) -> Evaluation:
        index = _with(true, index)
        predicted, true = predicted[index], true[index]
        hits = self._hits(name, true)
        ranked = evaluate(predicted * self._sign(name), hits, prior=0.0, n_resamples=resamples)
        chosen = [list(METRICS).index(metric) for metric in RANKING]
        without = {
            field: {m: getattr(ranked, field)[m] for m in RANKING}
            for field in ("values", "low", "high", "random")
        }
        ranked = Evaluation(**without, replicates=ranked.replicates[chosen])
        return _together([evaluate_regression(predicted, true, hits, resamples), ranked])

    def _measured(
        self, name: str, predicted: FloatArray, true: FloatArray, index: np.ndarray
    ) -> dict[str, float]:
        """The values alone; NaN where the part holds nothing that could be ranked."""
        index = _with(true, index)
        predicted, true = predicted[index], true[index]
        hits = self._hits(name, true)
        if hits.all() or not hits.any():
            return dict.fromkeys(MEASURED, float("nan"))
        found = regression_metrics(predicted, true)
        ranked = ranking_metrics(predicted * self._sign(name), hits, prior=0.0)
        return found | {metric: ranked[metric] for metric in RANKING}

    def _known(self, dataset: xr.Dataset) -> np.ndarray:
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


def _with(values: FloatArray, index: np.ndarray) -> np.ndarray:
    """Those of the items that have a value."""
    return index[np.isfinite(values[index])]


def _check(
    properties: tuple[str, ...],
    labels: tuple[int | Literal["all"], ...],
    named: tuple[str, ...],
    sample: int | None,
) -> None:
    """Refuse settings that make no task.

    Raises:
        UserError: says which, and what would do.
    """
    for key, values in {"properties": properties, "labels": labels}.items():
        if not values or len(set(values)) < len(values):
            raise UserError(
                f"task.{key}: {list(values)!r} is empty or holds one twice; name each once"
            )
    counts = [np.inf if isinstance(n, str) else n for n in labels]
    if min(counts) < LEAST_LABELS or counts != sorted(counts):
        raise UserError(
            f"task.labels: {list(labels)!r} must rise, from at least {LEAST_LABELS}; for instance "
            "[50, 250, all]"
        )
    for name in named:
        if name not in properties:
            raise UserError(f"task: '{name}' is not in properties; {nearest(name, properties)}")
        if named.count(name) > 1:
            raise UserError(f"task: '{name}' cannot stand in lowest and in above; choose one")
    if sample is not None and sample < 1:
        raise UserError(f"task.sample: {sample} element sets are none; give 1 or more")


def _renamed(evaluation: Evaluation, prefix: str) -> Evaluation:
    def renamed(values: dict[str, float]) -> dict[str, float]:
        return {prefix + name: value for name, value in values.items()}

    return Evaluation(
        renamed(evaluation.values),
        renamed(evaluation.low),
        renamed(evaluation.high),
        renamed(evaluation.random),
        evaluation.replicates,
    )


def _together(parts: list[Evaluation]) -> Evaluation:
    """Evaluations of different metrics over the same resamples as one."""
    return Evaluation(
        {k: v for part in parts for k, v in part.values.items()},
        {k: v for part in parts for k, v in part.low.items()},
        {k: v for part in parts for k, v in part.high.items()},
        {k: v for part in parts for k, v in part.random.items()},
        np.concatenate([part.replicates for part in parts]),
    )
