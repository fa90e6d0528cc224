"""What every split must hold to (`framework.contracts.split.HoldOut`)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from framework.checks.checks import (
    Check,
    assert_documented,
    outcomes,
    settings_have_types_and_defaults_that_fit,
)
from framework.contracts.split import divide
from framework.runs.items import fields_of

SEEDS = (0, 1)


@dataclass
class Trial:
    """A split under test, and materials whose element sets it may hold out."""

    cls: Any
    items: xr.Dataset
    settings: dict[str, Any] = field(default_factory=dict)
    given: ClassVar = ("fields", "seed")

    @cached_property
    def _grouped(self) -> tuple[xr.Dataset, np.ndarray]:
        return fields_of(self.items, np.flatnonzero(self.items["reported"].values))

    @property
    def fields(self) -> xr.Dataset:
        """The element sets, as a split sees them: a copy."""
        return self._grouped[0].copy(deep=True)

    @property
    def member(self) -> np.ndarray:
        """The element set of every material, as its position in the fields (n,)."""
        return self._grouped[1]

    def folds(self, seed: int) -> dict[str, np.ndarray]:
        """What the split holds out."""
        found: dict[str, np.ndarray] = self.cls(self.fields, seed, **self.settings)
        return found


def is_a_function_of_fields_and_a_seed(trial: Trial) -> None:
    assert callable(trial.cls), "the item is not a function"
    names = list(inspect.signature(trial.cls).parameters)
    assert names[:2] == list(trial.given), (
        f"its first arguments are {', '.join(names[:2]) or 'none'}, not fields, seed"
    )
    assert_documented(trial.cls)


def gives_a_mask_of_all_fields_for_every_fold(trial: Trial) -> None:
    n = trial.fields.sizes["material"]
    for seed in SEEDS:
        folds = trial.folds(seed)
        assert isinstance(folds, dict) and folds, "it gives no dict of masks by fold"
        for name, mask in folds.items():
            assert isinstance(name, str) and name.isprintable() and not {*name} & {*"/|"}, (
                f"the fold {name!r} is not a printable name without '/' and '|'"
            )
            assert isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (n,), (
                f"fold '{name}': {np.shape(mask)} of {getattr(mask, 'dtype', type(mask).__name__)}, "
                f"not a bool array ({n},)"
            )


def every_fold_holds_some_out_and_leaves_some(trial: Trial) -> None:
    for seed in SEEDS:
        for name, mask in trial.folds(seed).items():
            assert mask.any(), f"fold '{name}' holds out nothing"
            assert (~mask).sum() >= 2, f"fold '{name}' leaves {(~mask).sum()} fields to learn from"


def same_seed_gives_the_same_hold_out(trial: Trial) -> None:
    for seed in SEEDS:
        first, again = trial.folds(seed), trial.folds(seed)
        assert list(first) == list(again), "two calls with one seed give other folds"
        for name, mask in first.items():
            assert np.array_equal(mask, again[name]), (
                f"fold '{name}': two calls with one seed differ; draw from default_rng(seed)"
            )


def changes_nothing_of_what_it_is_given(trial: Trial) -> None:
    fields = trial.fields
    trial.cls(fields, 0, **trial.settings)
    assert fields.identical(trial.fields), "it changes the fields; work on a copy"


def no_element_set_is_on_both_sides(trial: Trial) -> None:
    sets = trial.items["element_set"].values
    for name, mask in trial.folds(0).items():
        split = divide(trial.items, mask[trial.member], label=name, validation_fraction=0.1, seed=0)
        held, seen = set(sets[split.holdout]), set(sets[split.train]) | set(sets[split.validation])
        assert not held & seen, f"fold '{name}' has {len(held & seen)} element sets on both sides"


CHECKS: list[Check] = [
    is_a_function_of_fields_and_a_seed,
    settings_have_types_and_defaults_that_fit,
    gives_a_mask_of_all_fields_for_every_fold,
    every_fold_holds_some_out_and_leaves_some,
    same_seed_gives_the_same_hold_out,
    changes_nothing_of_what_it_is_given,
    no_element_set_is_on_both_sides,
]


def check(
    item: Any, items: xr.Dataset, settings: dict[str, Any] | None = None
) -> Iterator[tuple[str, str | None]]:
    """As `framework.checks.encoders.check`, of a split.

    Args:
        items: materials, several of them of one element set.
    """
    yield from outcomes(CHECKS, Trial(item, items, settings or {}))
