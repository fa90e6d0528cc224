"""The ranking tasks: what is held out, what is ranked, what counts as a hit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr

from framework.config import component_from
from framework.dataset import UnusableRow, content_digest
from framework.errors import UserError
from framework.metrics import METRICS, Evaluation, evaluate, ranking_metrics
from framework.registry import CANDIDATES
from framework.space import Float, checked

PARTS = ("train", "validation", "holdout", "unexplored")
"""What an item is in one split; its code in results is the position here."""


@dataclass(frozen=True)
class Split:
    """Indices of the items in each part; the parts are disjoint and hold every item.

    Raises:
        AssertionError: an item stands in two parts, or in none: a leak, never a user's mistake.
    """

    label: str
    train: np.ndarray
    validation: np.ndarray
    holdout: np.ndarray
    unexplored: np.ndarray

    def __post_init__(self) -> None:
        everything = np.concatenate([getattr(self, part) for part in PARTS])
        count = np.bincount(everything)
        assert (count == 1).all(), f"split {self.label}: an item stands in {count.max()} parts"

    @property
    def codes(self) -> np.ndarray:
        """The part of every item (n,), as its position in `PARTS`."""
        out = np.empty(sum(len(getattr(self, part)) for part in PARTS), dtype=np.int8)
        for code, part in enumerate(PARTS):
            out[getattr(self, part)] = code
        return out


class Plausibility:
    """One-class ranking: held-out reported fields (hits) among all unexplored ones.

    Unexplored fields are unlabelled, not negative: some are stable and merely not made yet.

    Args:
        candidates: the source of candidates: a registered name, or a mapping with ``name`` and
            its settings.
        prior: assumed share of the unexplored that are hits, for the corrected ``auroc_pu``.
    """

    name = "plausibility"

    def __init__(
        self,
        candidates: str | dict[str, Any] = "pattern",
        prior: Annotated[float, Float(0.0, 0.5)] = 0.05,
    ) -> None:
        self.candidates, self.prior = candidates, prior
        where = "task.candidates"
        source = component_from(candidates, where)
        item = CANDIDATES.load(source.name, where)
        self.space = item(**checked(item, source.parameters, name=source.name, where=where))

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

    def evaluate(self, scores: np.ndarray, split: Split, resamples: int) -> Evaluation:
        """The metrics of one run: hold-out against unexplored; nothing else is looked at."""
        index = np.concatenate([split.holdout, split.unexplored])
        relevance = np.arange(len(index)) < len(split.holdout)
        return evaluate(scores[index], relevance, prior=self.prior, n_resamples=resamples)

    def validate(self, scores: np.ndarray, n_validation: int) -> dict[str, float]:
        """The metrics by which settings are chosen: validation fields against unexplored ones.

        Args:
            scores: of the validation fields, then of unexplored ones (n,).

        Returns:
            each metric, NaN where there are no validation fields.
        """
        relevance = np.arange(len(scores)) < n_validation
        if not n_validation:
            return dict.fromkeys(METRICS, float("nan"))
        return ranking_metrics(scores, relevance, prior=self.prior)


TASKS: dict[str, Callable[..., Any]] = {Plausibility.name: Plausibility}


def divide(
    items: xr.Dataset, held: np.ndarray, *, label: str, validation_fraction: float, seed: int
) -> Split:
    """The split of one fold.

    Args:
        held: which reported items (n_reported,) are held out.
        validation_fraction: share of the other reported items that is watched, never learned
            from; drawn at random.

    Raises:
        UserError: nothing is held out, or too little is left to learn from.
    """
    reported = np.flatnonzero(items["reported"].values)
    rest = reported[~held]
    if not held.any():
        raise UserError(
            f"split '{label}': leaves no hold-out among {len(reported)} reported fields; "
            "raise the fraction or bring more fields"
        )
    watched = round(validation_fraction * len(rest))
    if len(rest) - watched < 2:
        raise UserError(
            f"split '{label}': leaves {len(rest) - watched} of {len(reported)} reported fields "
            "to learn from; at least 2 are needed"
        )
    order = np.random.default_rng([seed, 1]).permutation(len(rest))
    return Split(
        label,
        train=np.sort(rest[order[watched:]]),
        validation=np.sort(rest[order[:watched]]),
        holdout=reported[held],
        unexplored=np.flatnonzero(~items["reported"].values),
    )


def _first_entry(dataset: xr.Dataset, sets: np.ndarray, names: np.ndarray) -> np.ndarray:
    first = np.full(len(names), np.inf)
    if variable := dataset.attrs["time"]:
        position = {name: i for i, name in enumerate(names)}
        where = np.array([position.get(text, -1) for text in sets])
        entries = dataset[variable].values.astype(float)
        found = (where >= 0) & np.isfinite(entries)
        np.minimum.at(first, where[found], entries[found])
    return np.where(np.isfinite(first), first, np.nan)
