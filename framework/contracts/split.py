"""The contract of a split: which element sets are held out, and how a fold is divided into parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from framework.base.errors import UserError


class HoldOut(Protocol):
    """A split strategy: a function, whose arguments beyond the two given ones are its settings.

    It promises that
    - masks depend on what it is given alone: the same fields, seed and settings, the same masks;
    - each fold holds some fields out and leaves two or more, to learn from or, where only smaller
      sets are learned from (`from_smaller_sets`), as the validation part;
    - it changes nothing of what it is given, and looks at no property.

    Each element set is given once, so that whatever a strategy does, the materials of one set
    (polymorphs, permutations) are never on both sides; `divide` asserts it.
    """

    __name__: str

    def __call__(self, fields: xr.Dataset, seed: int, **settings: Any) -> dict[str, np.ndarray]:
        """Hold-out masks (n,), bool, by the name of the fold; "" where there is one alone.

        Args:
            fields: the reported element sets, each once, along ``material``: ``element_set``, and
                ``order`` (of entry, of its earliest material; NaN where unknown).
            seed: of everything random.

        Raises:
            UserError: nothing can be held out like this, and what would do.
        """
        ...


Strategy = TypeVar("Strategy", bound=Callable[..., Any])


def from_smaller_sets(strategy: Strategy) -> Strategy:
    """Marks a strategy under which no item is learned from, but the reported sets of fewer elements
    that are part of one (`framework.contracts.context.smaller_sets`)."""
    strategy.from_smaller_sets = True  # type: ignore[attr-defined]
    return strategy


RELATIVES = ("supersets", "subsets")
"""Reported sets that a split can withhold from the context: those of which a held-out or
validation set is part, and those that are part of one."""

PARTS = ("train", "validation", "holdout", "unexplored")
"""What an item is in one split; its code in results is the position here."""


@dataclass(frozen=True)
class Split:
    """Indices of the items in each part; the parts are disjoint and hold every item.

    Attributes:
        cut: of a split by time, the order of entry of the first held-out item; else None.
        withheld: which `RELATIVES` of held-out and validation sets the context lacks.
        smaller: whether sets of fewer elements are learned from in place of items; then the
            training part is empty.

    Raises:
        AssertionError: an item stands in two parts, or in none: a leak, never a user's mistake.
    """

    label: str
    train: np.ndarray
    validation: np.ndarray
    holdout: np.ndarray
    unexplored: np.ndarray
    cut: float | None = None
    withheld: tuple[str, ...] = ()
    smaller: bool = False

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


def divide(
    items: xr.Dataset,
    held: np.ndarray,
    *,
    label: str,
    validation_fraction: float,
    seed: int,
    withheld: tuple[str, ...] = (),
    smaller: bool = False,
) -> Split:
    """The split of one fold.

    Args:
        held: which reported items (n_reported,) are held out.
        validation_fraction: share of the other element sets that is watched, never learned
            from; drawn at random.
        withheld: see `Split`.
        smaller: see `Split`; all that is not held out is watched then.

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
    watched = np.isin(code, order[: n_sets if smaller else round(validation_fraction * n_sets)])
    if (~watched).sum() < 2 and not smaller:
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
        cut=None if smaller else _cut(items["order"].values[reported], held),
        withheld=withheld,
        smaller=smaller,
    )


def _cut(order: np.ndarray, held: np.ndarray) -> float | None:
    """The order of entry of the first item held out, where all the others entered before it or
    with it: then the split is by time, whatever it is called. ``order`` (n,), NaN where unknown."""
    known = np.isfinite(order)
    rest, last = order[known & ~held], order[known & held]
    by_time = len(rest) and len(last) == held.sum() and rest.max() <= last.min()
    return float(last.min()) if by_time else None
