"""Plausibility: held-out reported fields ranked among all unexplored ones."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr

from data.element_sets import padded_numbers
from data.periodic_neighbours import replaced_by_neighbours
from framework.base.errors import UserError
from framework.config.schema import component_from
from framework.contracts.context import Context, allowed_sets, context_of, smaller_sets
from framework.contracts.dataset import UnusableRow, content_digest
from framework.contracts.representation import Samples
from framework.contracts.split import Split
from framework.contracts.task import Fit, Judged, Task
from framework.metrics.calibration import Calibration, hits_among_first
from framework.metrics.evaluation import Evaluation, together
from framework.metrics.items import ItemMetric, RankedItems, evaluate_items, item_metrics
from framework.metrics.ranking import RANKING, evaluate, ranking_metrics
from framework.metrics.ranks import RankingMetric
from framework.registry.metrics import metrics_of
from framework.registry.parameters import Float, checked
from framework.registry.registry import CANDIDATES, METRICS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Plausibility(Task):
    """One-class ranking: held-out reported fields (hits) among all unexplored ones.

    Unexplored fields are unlabelled, not negative: some are stable and merely not made yet.

    Args:
        candidates: the source of candidates: a registered name, or a mapping with ``name`` and
            its settings.
        prior: assumed share of the unexplored that are hits, for the corrected ``auroc_pu``.
        extra_metrics: registered metrics (``zoo/metrics``) that are measured beside the built-in
            ones; those that an experiment names are added by themselves.
    """

    name = "plausibility"
    default_metrics = (
        "auroc",
        "recall_at_1pct",
        "enrichment_factor_at_1pct",
        "average_precision",
    )

    def __init__(
        self,
        candidates: str | dict[str, Any] = "pattern",
        prior: Annotated[float, Float(0.0, 0.5)] = 0.05,
        extra_metrics: tuple[str, ...] = (),
    ) -> None:
        self.candidates, self.prior, self.extra_metrics = candidates, prior, extra_metrics
        self._of_order = (
            *RANKING.values(),
            *metrics_of(RankingMetric, extra_metrics, (ItemMetric,)),
        )
        self._of_items = metrics_of(ItemMetric, extra_metrics, (RankingMetric,))
        where = "task.candidates"
        source = component_from(candidates, where)
        item = CANDIDATES.load(source.name, where)
        self.space = item(**checked(item, source.parameters, name=source.name, where=where))
        self.members = self.space.members
        self.unusable, self.notes = self.space.unusable, self.space.notes
        self.sources = (CANDIDATES.source(source.name), *map(METRICS.source, extra_metrics))

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in (*self._of_order, *self._of_items))

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """All element sets of the space: reported ones, then unexplored ones, each sorted.

        One item is one element set, so no two materials of the same elements can stand on both
        sides of a split. Variables on ``material``: ``element_set``, ``reported`` (bool),
        ``order`` (entry order of the earliest material of the set, NaN where unknown).

        Raises:
            UserError: the data set holds no field of the space, or no candidate is left.
        """
        sets = dataset["element_set"].values.astype(str)
        reported = self.space.members(sets)
        if not reported:
            raise UserError(
                f"{dataset.attrs['title']}: none of the {len(set(sets))} element sets is of the "
                f"pattern {self.space.pattern} (first: {sets[0]}); give the pattern that fits"
            )
        unexplored = self.space.unexplored(np.unique(sets))
        assert not set(unexplored) & set(sets), "an unexplored field is reported"
        names = np.array([*reported, *unexplored])
        items = xr.Dataset(
            {
                "element_set": ("material", names),
                "reported": ("material", np.arange(len(names)) < len(reported)),
                "order": ("material", _first_entry(dataset, sets, names)),
            }
        )
        ranked = self.space.held_out(reported)
        if len(ranked) < len(reported):
            if not ranked:
                raise UserError(
                    f"{dataset.attrs['title']}: none of {len(reported)} reported fields is of the "
                    "candidates' kind, so that there is nothing to hold out; widen the lists"
                )
            items["always_learned"] = (
                "material",
                items["reported"].values & ~np.isin(names, ranked),
            )
        items.attrs |= {"noun": "fields", "named_by": "element_set"}
        items.attrs["digest"] = content_digest(items)
        items.attrs["summary"] = (
            f"{len(reported):,} of {len(set(sets)):,} element sets are of the pattern "
            f"{self.space.pattern}; {len(unexplored):,} unexplored candidates"
        )
        return items

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The rows of a list of element sets that are not of the pattern."""
        lines = json.loads(dataset.attrs.get("lines", "[]"))
        fitting = set(self.space.members(dataset["element_set"].values.astype(str)))
        reason = f"not of the pattern {self.space.pattern}"
        return [
            UnusableRow(line, reason, str(text))
            for line, text in zip(lines, dataset["element_set"].values, strict=bool(lines))
            if str(text) not in fitting
        ]

    def neighbours(self, element_set: str) -> list[str]:
        """The sets of the space in which one element is replaced by a neighbour in its group or
        row of the periodic table, sorted."""
        return self.space.members(replaced_by_neighbours(element_set))

    def context(
        self, dataset: xr.Dataset, items: xr.Dataset, split: Split, samples: Samples
    ) -> Context:
        return context_of(items, split, samples, *_reported(dataset))

    def smaller_sets(self, dataset: xr.Dataset, items: xr.Dataset, split: Split) -> xr.Dataset:
        """Reported sets that are part of a field of the space."""
        names, order = _reported(dataset)
        smaller = smaller_sets(items, names[allowed_sets(items, split, names, order)])
        if len(smaller) < 2:
            raise UserError(
                f"split '{split.label}': {len(smaller)} reported sets of two or more elements are "
                f"part of a field {self.space.pattern}, and at least 2 are needed to learn from; "
                "bring data with smaller sets, or take another split"
            )
        return xr.Dataset({"element_set": ("material", smaller)})

    def judge(self, done: Fit, resamples: int) -> Judged:
        started = time.perf_counter()
        scores = done.encoder.score_samples(done.samples)
        seconds = time.perf_counter() - started
        split, known = done.split, self._known(done)
        watched = np.concatenate([split.validation, split.unexplored])
        validation = self._validation(scores[watched], watched, known, len(split.validation))
        variables: dict[str, Any] = {}
        if len(split.validation):
            n_hits, n_others = len(split.holdout), len(split.unexplored)
            calibration = Calibration.fit(
                scores[split.validation], scores[split.unexplored], n_hits / (n_hits + n_others)
            )
            probability = calibration.probability(scores)
            known |= {"probability": probability}
            ranked, relevance = _ranked(split)
            among_first = hits_among_first(scores[ranked], relevance, probability[ranked])
            variables = calibration.variables() | among_first
        evaluation = self.evaluate(scores, split, resamples, known)
        return Judged(scores, evaluation, validation, seconds, variables)

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        unexplored = done.split.unexplored
        drawn = np.random.default_rng(0).permutation(len(unexplored))[:most]
        index = np.concatenate([done.split.validation, unexplored[drawn]])
        scores = done.encoder.score_samples(done.samples.take(index))
        return self._validation(scores, index, self._known(done), len(done.split.validation))

    def figures(self, cell: xr.Dataset) -> dict[str, Figure]:
        from framework.figures.calibration import reliability
        from framework.figures.ranking import ranking_curve, score_distribution

        drawn = {
            "ranking_curve": ranking_curve(cell),
            "score_distribution": score_distribution(cell),
            "reliability": reliability(cell),
        }
        return {name: figure for name, figure in drawn.items() if figure is not None}

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> dict[str, Figure]:
        from framework.figures.ranking import recall_curves

        return {"recall_curves": recall_curves(cube, table)}

    def evaluate(
        self,
        scores: np.ndarray,
        split: Split,
        resamples: int,
        known: Mapping[str, np.ndarray] | None = None,
    ) -> Evaluation:
        """The metrics of one run: hold-out against unexplored; nothing else is looked at.

        Args:
            scores: of all items (n,).
            known: of all items, for metrics that know more than the order (`RankedItems`).
        """
        ranked, relevance = _ranked(split)
        of_order = evaluate(
            scores[ranked],
            relevance,
            prior=self.prior,
            n_resamples=resamples,
            metrics=self._of_order,
        )
        beside = {name: values[ranked] for name, values in (known or {}).items()}
        items = RankedItems(scores[ranked], relevance, beside)
        return together([of_order, evaluate_items(items, resamples, metrics=self._of_items)])

    def _validation(
        self, scores: np.ndarray, index: np.ndarray, known: Mapping[str, np.ndarray], hits: int
    ) -> dict[str, float]:
        """Of validation fields, which are so many hits, then of unexplored ones.

        Args:
            scores: (m,), of the items at ``index`` (m,).
            known: of all items.
        """
        relevance = np.arange(len(scores)) < hits
        if not hits:
            return dict.fromkeys(self.metrics, float("nan"))
        beside = {name: values[index] for name, values in known.items()}
        return {
            **ranking_metrics(scores, relevance, prior=self.prior, metrics=self._of_order),
            **item_metrics(RankedItems(scores, relevance, beside), self._of_items),
        }

    def _known(self, done: Fit) -> dict[str, np.ndarray]:
        """What is known of all items before any is scored, where a metric asks."""
        return {"popularity": _popularity(done)} if self._of_items else {}


def _ranked(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """The items that are ranked, hold-out first, and which of them are hits (m,)."""
    ranked = np.concatenate([split.holdout, split.unexplored])
    return ranked, np.arange(len(ranked)) < len(split.holdout)


def _popularity(done: Fit) -> np.ndarray:
    """How frequent the elements of each item (n,) are in what was learned from: the sum of
    log(1 + count)."""
    counts = np.bincount(padded_numbers(done.learned).ravel(), minlength=119)
    logs = np.log1p(counts)
    logs[0] = 0  # stands where a set has fewer elements than others
    popularity: np.ndarray = logs[padded_numbers(done.items["element_set"].values)].sum(axis=1)
    return popularity


def _reported(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """All reported element sets (n,), each once, and the order of their entry (n,)."""
    sets = dataset["element_set"].values.astype(str)
    names = np.unique(sets)
    return names, _first_entry(dataset, sets, names)


def _first_entry(dataset: xr.Dataset, sets: np.ndarray, names: np.ndarray) -> np.ndarray:
    first = np.full(len(names), np.inf)
    if variable := dataset.attrs["time"]:
        position = {name: i for i, name in enumerate(names)}
        where = np.array([position.get(text, -1) for text in sets])
        entries = dataset[variable].values.astype(float)
        known = (where >= 0) & np.isfinite(entries)
        np.minimum.at(first, where[known], entries[known])
    return np.where(np.isfinite(first), first, np.nan)
