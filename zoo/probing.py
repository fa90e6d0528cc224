"""Probing: what the tasks share that learn from labels.

The encoder learns from the whole training part without labels. Then one and the same probe learns
the labels of n items of the training part, for several n, and answers for the hold-out.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.config.schema import component_from
from framework.contracts.learner import Learner, part
from framework.contracts.split import Split
from framework.contracts.task import Fit, Judged
from framework.metrics.bootstrap import FloatArray
from framework.metrics.evaluation import Evaluation
from framework.metrics.metric import Metric
from framework.metrics.ranking import RANKING
from framework.metrics.ranks import RankingMetric
from framework.registry.metrics import metrics_of
from framework.registry.parameters import checked
from framework.registry.registry import METRICS, PREDICTORS
from zoo.labelled_items import LabelledItems, Labels

RANKED = tuple(metric for metric in RANKING.values() if metric.name != "auroc_pu")
"""Ranking metrics here; the labels are known, so no share of hidden hits is corrected for."""


@dataclass(frozen=True)
class Labelled:
    """What a learner is given: inputs, labels (n,) and groups (n,) of the labelled items."""

    inputs: Any
    labels: np.ndarray
    groups: np.ndarray


class Probing(LabelledItems):
    """A probe that learns the labels of some items and answers for all.

    Metrics are called target/labels/metric: ``formation_energy/250/mae``. An encoder that learns
    end to end takes the place of the probe, with the same labels.

    Args:
        probe: a registered predictor by name, or a mapping with ``name`` and its settings.
        labels, sample, of, aggregate: see `LabelledItems`.
        extra_metrics: registered metrics (``zoo/metrics``) that are measured beside the built-in
            ones; those that an experiment names are added by themselves.
    """

    kind: type[Learner]
    """What the probe must be."""
    measures: type[Metric]
    """The metrics that are measured beside those of rankings."""
    kept: tuple[str, ...] = ("truth",)
    """The variables that the cube of a benchmark keeps."""

    def __init__(
        self,
        labels: Labels,
        probe: str | dict[str, Any],
        sample: int | None,
        of: str,
        aggregate: str,
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        super().__init__(labels, sample, of, aggregate)
        self.probe, self.extra_metrics = probe, extra_metrics
        self.ranking = (*RANKED, *metrics_of(RankingMetric, extra_metrics, (self.measures,)))
        name, item, settings = probe_of(probe, self.kind, "task.probe")
        self._probe = item, settings
        self.sources = (PREDICTORS.source(name), *map(METRICS.source, extra_metrics))

    @abstractmethod
    def truth(self, items: xr.Dataset) -> np.ndarray:
        """The label of every item (target, n): a value, NaN where unknown, or the code of a class."""

    @abstractmethod
    def width(self, items: xr.Dataset) -> int:
        """How many numbers answer for an item."""

    @abstractmethod
    def said(self, learner: Any, labelled: Labelled, asked: Any, width: int) -> FloatArray:
        """What a learner says, once it has learned what is labelled, of the inputs ``asked``:
        (m, width), or (width,) where that is the same of all."""

    @abstractmethod
    def scores(self, items: xr.Dataset, answers: FloatArray) -> FloatArray:
        """By which all items are ranked (n,), from answers (target, labels, n, width)."""

    @abstractmethod
    def evaluation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray, resamples: int
    ) -> Evaluation:
        """Of the hold-out, from answers (target, labels, n, width)."""

    @abstractmethod
    def validation(
        self, items: xr.Dataset, split: Split, seed: int, answers: FloatArray
    ) -> dict[str, float]:
        """The same metrics of the validation part, values alone; NaN where it holds nothing, or
        nothing that could be ranked."""

    @abstractmethod
    def variables(self, items: xr.Dataset, split: Split, answers: FloatArray) -> dict[str, Any]:
        """What results keep of the answers, as `xarray.Dataset` takes it."""

    def judge(self, done: Fit, resamples: int) -> Judged:
        items, split, seed = done.items, done.split, done.encoder.seed
        started = time.perf_counter()
        everything = np.arange(len(split.codes))
        answers = self.answers(done, done.encoder.learner_input(done.samples), everything)
        seconds = time.perf_counter() - started
        return Judged(
            self.scores(items, answers),
            self.evaluation(items, split, seed, answers, resamples),
            self.validation(items, split, seed, answers),
            seconds,
            self.variables(items, split, answers),
            self.kept,
        )

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        split = done.split
        seen = np.concatenate([split.train, split.validation])
        inputs = done.encoder.learner_input(done.samples.take(seen))
        answers = self.answers(done, inputs, seen, split.validation)
        return self.validation(done.items, split, done.encoder.seed, answers)

    def answers(
        self, done: Fit, inputs: Any, among: np.ndarray, asked: np.ndarray | None = None
    ) -> FloatArray:
        """What is said of every item, by target and number of labels: (target, labels, n, width);
        NaN beyond those asked.

        Args:
            inputs: what a learner reads of the items ``among`` (k,).
            asked: those that are answered for (m,), the same items where None.
        """
        from threadpoolctl import threadpool_limits

        asked = among if asked is None else asked
        truth, width, seed = self.truth(done.items), self.width(done.items), done.encoder.seed
        place = np.full(truth.shape[1], -1)
        place[among] = np.arange(len(among))
        train, sets = done.split.train, done.items["element_set"].values
        training = done.samples.take(train)
        out = np.full((len(truth), len(self.labels), truth.shape[1], width), np.nan)
        with threadpool_limits(1):  # equal to the bit whatever runs beside it
            for i, labels in enumerate(truth):
                others = np.delete(truth, i, axis=0)[:, train].T
                learner = done.encoder.learner(self.new_probe(seed), training, others)
                for j, n in enumerate(self.labels):
                    chosen = self.labelled(labels, done.split, seed, n)
                    given = Labelled(part(inputs, place[chosen]), labels[chosen], sets[chosen])
                    if len(asked):
                        wanted = part(inputs, place[asked])
                        out[i, j, asked] = self.said(learner, given, wanted, width)
        return out

    def new_probe(self, seed: int) -> Any:
        """An unfitted probe."""
        cls, settings = self._probe
        probe = cls(**settings)
        probe.seed = seed
        return probe


def probe_of(
    content: str | dict[str, Any], kind: type, where: str
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
            f"{where}: '{source.name}' is not a {kind.__name__.lower()}, which is needed here; take one "
            f"of {', '.join(fitting)}"
        )
    return source.name, item, checked(item, source.parameters, name=source.name, where=where)


def rankable(hits: np.ndarray) -> bool:
    """Whether there are hits, and others (n,)."""
    return bool(hits.any() and not hits.all())
