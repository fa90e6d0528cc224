"""Probing: what the tasks share that learn from labelled materials and frozen latent vectors.

The encoder learns from the whole training part without labels. Then one and the same probe learns
the labels of n materials of the training part, for several n, and answers for the hold-out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.config.schema import component_from
from framework.contracts.dataset import UnusableRow, content_digest, take
from framework.contracts.predictor import Probe
from framework.contracts.split import Split
from framework.contracts.task import Fit
from framework.metrics.bootstrap import FloatArray
from framework.metrics.metric import Metric
from framework.metrics.ranking import RANKING, ranking_metrics
from framework.metrics.ranks import RankingMetric
from framework.registry.metrics import metrics_of
from framework.registry.parameters import checked
from framework.registry.registry import METRICS, PREDICTORS

ALL: Literal["all"] = "all"
LEAST_LABELS = 10
RANKED = tuple(metric for metric in RANKING.values() if metric.name != "auroc_pu")
"""Ranking metrics here; the labels are known, so no share of hidden hits is corrected for."""

Labels = tuple[int | Literal["all"], ...]


class Probing(ABC):
    """Labels, the draw of element sets and the probe.

    Metrics are called target/labels/metric: ``formation_energy/250/mae``.

    Args:
        labels: numbers of labelled training materials; ``all`` for the whole training part. They
            are drawn by the run's seed, the fewer among the more, the same for every encoder.
        probe: a registered predictor by name, or a mapping with ``name`` and its settings.
        sample: element sets that are drawn, once for all seeds; all where None.
        extra_metrics: registered metrics (``zoo/metrics``) that are measured beside the built-in
            ones; those that an experiment names are added by themselves.
    """

    name: str
    members = None
    kind: type[Probe]
    """What the probe must be."""
    measures: type[Metric]
    """The metrics that are measured beside those of rankings."""

    def __init__(
        self,
        labels: Labels,
        probe: str | dict[str, Any],
        sample: int | None,
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.labels, self.probe, self.sample = labels, probe, sample
        self.extra_metrics = extra_metrics
        self.ranking = (*RANKED, *metrics_of(RankingMetric, extra_metrics, (self.measures,)))
        _check(labels, sample)
        name, item, settings = probe_of(probe, self.kind, "task.probe")
        self._probe = item, settings
        self.unusable: list[UnusableRow] = []
        self.sources: tuple[Path, ...] = (
            PREDICTORS.source(name),
            *(METRICS.source(each) for each in extra_metrics),
        )

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """The variables of the data set that are learned."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """What is measured, by the names that results give it."""

    @abstractmethod
    def known(self, dataset: xr.Dataset) -> np.ndarray:
        """Which materials have a value of each target (target, n)."""

    @abstractmethod
    def measured(self, done: Fit, latents: np.ndarray) -> dict[str, float]:
        """The metrics of the validation part, from latent vectors (n, d); NaN beyond train and
        validation."""

    @abstractmethod
    def answer(
        self,
        done: Fit,
        latents: np.ndarray,
        values: np.ndarray,
        own: np.ndarray,
        asked: np.ndarray,
    ) -> FloatArray:
        """What the probe says of the items ``asked`` (m,), (m,) or (m, k), once it has learned
        those of the values (n,) that the items ``own`` have, from latent vectors (n, d)."""

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials without any value, by their number in the data set from 1."""
        reason = f"no value of {' and '.join(self.targets)}"
        rows = []
        for i in np.flatnonzero(~self.known(dataset).any(axis=0)):
            text = str(dataset["formula"].values[i] or dataset["element_set"].values[i])
            rows.append(UnusableRow(int(i) + 1, reason, text))
        return rows

    def drawn(self, dataset: xr.Dataset, known: np.ndarray) -> np.ndarray:
        """The materials (m,) with a value (n,) of the drawn element sets.

        Raises:
            UserError: too few have one.
        """
        sets = dataset["element_set"].values.astype(str)
        unique = np.unique(sets[known.any(axis=0)])
        if self.sample is not None and self.sample < len(unique):
            unique = np.random.default_rng(0).choice(unique, self.sample, replace=False)
        index = np.flatnonzero(known.any(axis=0) & np.isin(sets, unique))
        for name, own in zip(self.targets, known[:, index], strict=True):
            if own.sum() < 2 * LEAST_LABELS:
                raise UserError(
                    f"{dataset.attrs['title']}: {own.sum()} materials have {name}; at least "
                    f"{2 * LEAST_LABELS} are needed, one half of them to be labelled; bring more"
                )
        return index

    def chosen(self, dataset: xr.Dataset, index: np.ndarray) -> xr.Dataset:
        """The items: materials (m,) by element set, formula and values, all of them reported."""
        keys = [dataset[name].values[index] for name in reversed(self.targets)]
        formula, element_set = (
            dataset[name].values.astype(str)[index] for name in ("formula", "element_set")
        )
        items = take(dataset, index[np.lexsort([*keys, formula, element_set])])
        entry = dataset.attrs["time"]
        order = items[entry].values.astype(float) if entry else np.full(len(index), np.nan)
        everything = np.ones(len(index), dtype=bool)
        items = items.assign(reported=("material", everything), order=("material", order))
        items.attrs |= {"noun": "materials", "named_by": "formula"}
        items.attrs["digest"] = content_digest(items)
        items.attrs["summary"] = (
            f"{len(index):,} of {dataset.sizes['material']:,} materials in "
            f"{len(np.unique(element_set)):,} element sets"
        )
        return items

    def require_labels(self, name: str, values: np.ndarray, split: Split) -> None:
        """Refuse more labels than training materials with a value (n,), NaN where there is none.

        Raises:
            UserError: says how many there are.
        """
        most = max(LEAST_LABELS if isinstance(each, str) else each for each in self.labels)
        n = len(having(values, split.train))
        if n < most:
            raise UserError(
                f"task.labels: {most:,} are more than the {n:,} training materials of split "
                f"'{split.label}' with {name}; lower it, write 'all', or bring more materials"
            )

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        split = done.split
        seen = np.concatenate([split.train, split.validation])
        latents = done.encoder.transform(done.samples.take(seen))
        scattered = np.full((len(split.codes), latents.shape[1]), np.nan)
        scattered[seen] = latents
        return self.measured(done, scattered)

    def labelled(
        self, values: np.ndarray, split: Split, seed: int, labels: int | str
    ) -> np.ndarray:
        """Which items (m,) are labelled with their values (n,): the first of a shuffled training
        part that have one."""
        order = np.random.default_rng([seed, 2]).permutation(split.train)
        order = having(values, order)
        return order if labels == ALL else order[: int(labels)]

    def answers(
        self, done: Fit, latents: np.ndarray, values: np.ndarray, wanted: np.ndarray | None = None
    ) -> FloatArray:
        """What is said of every item, from latent vectors (n, d) and values (n,), by number of
        labels: (labels, n) or (labels, n, k); NaN beyond ``wanted``, if given."""
        from threadpoolctl import threadpool_limits

        index = np.arange(len(latents)) if wanted is None else wanted
        out = []
        with threadpool_limits(1):  # equal to the bit whatever runs beside it
            for n in self.labels:
                own = self.labelled(values, done.split, done.encoder.seed, n)
                said = self.answer(done, latents, values, own, index)
                rows = np.full((len(latents), *said.shape[1:]), np.nan)
                rows[index] = said
                out.append(rows)
        return np.array(out)

    def new_probe(self, seed: int) -> Any:
        """An unfitted probe."""
        cls, settings = self._probe
        probe = cls(**settings)
        probe.seed = seed
        return probe


def probe_of(
    content: str | dict[str, Any], kind: type[Probe], where: str
) -> tuple[str, type[Any], dict[str, Any]]:
    """The name, the class and the checked settings of a registered predictor.

    Args:
        content: its name, or a mapping with ``name`` and its settings.
        kind: what it must be.
        where: the place that messages name.

    Raises:
        UserError: it is not registered, of another kind, or has no such setting.
    """
    source = component_from(content, where)
    item = PREDICTORS.load(source.name, where)
    if not issubclass(item, kind):
        fitting = [name for name in PREDICTORS.names() if issubclass(PREDICTORS.load(name), kind)]
        raise UserError(
            f"{where}: '{source.name}' is no {kind.__name__.lower()}, as is needed here; take one "
            f"of {', '.join(fitting)}"
        )
    return source.name, item, checked(item, source.parameters, name=source.name, where=where)


def having(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Those of the items that have a value."""
    return index[np.isfinite(values[index])]


def rankable(hits: np.ndarray) -> bool:
    """Whether there are hits, and others (n,)."""
    return bool(hits.any() and not hits.all())


def ranked(
    scores: FloatArray, hits: np.ndarray, metrics: tuple[RankingMetric, ...]
) -> dict[str, float]:
    """Ranking metrics, without intervals; both (n,)."""
    return ranking_metrics(scores, hits, prior=0.0, metrics=metrics)


def _check(labels: Labels, sample: int | None) -> None:
    """Refuse settings that make no task.

    Raises:
        UserError: says which, and what would do.
    """
    require_once("labels", labels)
    counts = [np.inf if isinstance(n, str) else n for n in labels]
    if min(counts) < LEAST_LABELS or counts != sorted(counts):
        raise UserError(
            f"task.labels: {list(labels)!r} must rise, from at least {LEAST_LABELS}; for instance "
            "[50, 250, all]"
        )
    if sample is not None and sample < 1:
        raise UserError(f"task.sample: {sample} element sets are none; give 1 or more")


def require_once(key: str, values: tuple[Any, ...]) -> None:
    """Refuse a list that is empty or names something twice.

    Raises:
        UserError: it is.
    """
    if not values or len(set(values)) < len(values):
        raise UserError(f"task.{key}: {list(values)!r} is empty or holds one twice; name each once")
