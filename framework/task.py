"""What a task is: what is held out, what is ranked, what counts as a hit; and the parts of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from framework.dataset import UnusableRow
from framework.errors import UserError
from framework.metrics import Evaluation

if TYPE_CHECKING:
    from framework.encoder import Encoder
    from framework.representation import Representation, Samples

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


@dataclass(frozen=True)
class Fit:
    """A run after fitting: what scoring and evaluation need.

    Attributes:
        seconds: that the representation and the fit took.
    """

    items: xr.Dataset
    split: Split
    task: Task
    representation: Representation
    samples: Samples
    encoder: Encoder
    seconds: float


@dataclass(frozen=True)
class Judged:
    """What a task makes of a fitted encoder.

    Attributes:
        scores: of all items (n,), higher ranks nearer the top.
        evaluation: on the hold-out.
        validation: the same metrics on the validation part, NaN where there is none.
        seconds: that the scores took, without their evaluation.
        variables: further variables of the run's results, as `xarray.Dataset` takes them.
    """

    scores: np.ndarray
    evaluation: Evaluation
    validation: dict[str, float]
    seconds: float
    variables: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """The contract of a task; constructor arguments are its settings.

    Attributes:
        metrics: what it measures, by the names that results give it.
        members: which of some element sets it could rank: the audit ranks made-up ones. None
            where it ranks only what there is.
        unusable: what of its own settings' files could not be used.
        sources: the files of the registered items it is made of; they decide numbers.
    """

    unusable: list[UnusableRow]
    sources: tuple[Path, ...]

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    @property
    def members(self) -> Callable[[list[str]], list[str]] | None: ...

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """What is split, ranked and scored, along `material`.

        Variables: ``element_set``, ``reported`` (bool; the others are never learned from),
        ``order`` (of entry, NaN where unknown). Attributes: ``digest``, ``summary``, ``noun``
        (what tables call an item), ``named_by`` (the variable that names it).
        """
        ...

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials of a data set that make no item, each with the reason."""
        ...

    def require(self, items: xr.Dataset, split: Split) -> None:
        """Refuse a split that cannot be judged, before anything is computed."""
        ...

    def judge(self, done: Fit, resamples: int) -> Judged:
        """Everything that a run measures, the hold-out included."""
        ...

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        """The metrics by which settings are chosen; the hold-out is not looked at.

        Args:
            most: unexplored items that are scored, drawn once, where there are more.
        """
        ...


def divide(
    items: xr.Dataset, held: np.ndarray, *, label: str, validation_fraction: float, seed: int
) -> Split:
    """The split of one fold.

    Args:
        held: which reported items (n_reported,) are held out.
        validation_fraction: share of the other element sets that is watched, never learned
            from; drawn at random.

    Raises:
        UserError: nothing is held out, or too little is left to learn from.
    """
    reported = np.flatnonzero(items["reported"].values)
    rest = reported[~held]
    noun = items.attrs.get("noun", "fields")
    if not held.any():
        raise UserError(
            f"split '{label}': leaves no hold-out among {len(reported)} reported {noun}; "
            f"raise the fraction or bring more {noun}"
        )
    sets = items["element_set"].values
    assert not set(sets[reported[held]]) & set(sets[rest]), f"split {label}: a set on both sides"
    code, unique = pd.factorize(sets[rest])
    n_sets = len(unique)
    order = np.random.default_rng([seed, 1]).permutation(n_sets)
    watched = np.isin(code, order[: round(validation_fraction * n_sets)])
    if (~watched).sum() < 2:
        raise UserError(
            f"split '{label}': leaves {(~watched).sum()} of {len(reported)} reported {noun} "
            "to learn from; at least 2 are needed"
        )
    return Split(
        label,
        train=rest[~watched],
        validation=rest[watched],
        holdout=reported[held],
        unexplored=np.flatnonzero(~items["reported"].values),
    )
