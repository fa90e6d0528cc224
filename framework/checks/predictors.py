"""What every predictor must hold to: the checks behind `phasezoo check` and the test suite."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from framework.base.errors import UserError
from framework.checks.checks import (
    TOLERANCE,
    Check,
    assert_documented,
    constructor_stores_its_arguments,
    outcomes,
    settings_have_types_ranges_and_defaults_that_fit,
)
from framework.contracts.predictor import Classifier, Predictor
from framework.registry.parameters import parameters

N, N_ASKED = 96, 24
WIDTHS = (8, 800)
"""Of the vectors: latent ones, or where these are refused, some as long as a pattern."""

CLASSES = np.array([3, 7, 200])


@dataclass
class Trial:
    """A class under test, and small made-up data to test it on."""

    cls: Any
    given: ClassVar[tuple[str, ...]] = ()

    def fresh(self, seed: int = 0) -> Any:
        """An unfitted predictor with defaults, its training cut to two epochs."""
        known = parameters(self.cls)
        probe = self.cls(**({"epochs": 2} if "epochs" in known else {}))
        probe.seed = seed
        return probe

    @cached_property
    def vectors(self) -> np.ndarray:
        """(N + N_ASKED, d)"""
        for width in WIDTHS:
            vectors = np.random.default_rng(0).random((N + N_ASKED, width))
            with suppress(UserError):
                self.fresh().fit(vectors[:N], self.labels(vectors[:N]), self.groups)
                break
        return vectors

    @property
    def groups(self) -> np.ndarray:
        return np.repeat([f"set {i}" for i in range(N // 3)], 3)

    def labels(self, vectors: np.ndarray) -> np.ndarray:
        """Classes or values (n,) that the first dimension tells."""
        of_classes = inspect.isclass(self.cls) and issubclass(self.cls, Classifier)
        return CLASSES[(3 * vectors[:, 0]).astype(int)] if of_classes else 10 * vectors[:, 0] - 3

    def fit(self, probe: Any, n: int = N) -> Any:
        """A probe fitted on the first n of the vectors."""
        own = self.vectors[:n]
        return probe.fit(own, self.labels(own), self.groups[:n])

    def answers(self, probe: Any, asked: np.ndarray | None = None) -> np.ndarray:
        """What it says of vectors, those that it has not learned from unless told otherwise."""
        asked = self.vectors[N:] if asked is None else asked
        found = (
            probe.predict_proba(asked) if isinstance(probe, Classifier) else probe.predict(asked)
        )
        return np.asarray(found)

    @cached_property
    def fitted(self) -> Any:
        return self.fit(self.fresh())


def is_a_predictor_or_a_classifier(trial: Trial) -> None:
    cls = trial.cls
    assert inspect.isclass(cls) and issubclass(cls, Predictor | Classifier), (
        "the item is not a subclass of Predictor or Classifier (framework.contracts.predictor)"
    )
    assert_documented(cls)


def fit_gives_the_predictor_itself(trial: Trial) -> None:
    assert isinstance(trial.fitted, trial.cls), "end fit with 'return self'"


def answers_with_finite_arrays_of_the_right_shape(trial: Trial) -> None:
    found, of_classes = trial.answers(trial.fitted), issubclass(trial.cls, Classifier)
    shape = (N_ASKED, len(CLASSES)) if of_classes else (N_ASKED,)
    verb = "predict_proba" if of_classes else "predict"
    assert found.shape == shape, f"{verb} gives {found.shape}, not {shape}"
    assert np.isfinite(found).all(), f"{verb} gives values that are not finite"
    if of_classes:
        assert np.array_equal(trial.fitted.classes_, CLASSES), (
            f"classes_ is {trial.fitted.classes_}, not the sorted classes {CLASSES}"
        )
        assert (found >= 0).all() and np.allclose(found.sum(axis=1), 1), (
            "the probabilities of a vector do not add up to 1"
        )


def same_seed_gives_the_same_answers(trial: Trial) -> None:
    _same(trial, trial.fit(trial.fresh()), "two fits with the same seed differ; draw by self.seed")


def fitting_again_starts_from_scratch(trial: Trial) -> None:
    again = trial.fit(trial.fit(trial.fresh(), N // 2))
    _same(trial, again, "a second fit remembers the first")


def an_answer_does_not_depend_on_its_neighbours(trial: Trial) -> None:
    whole = trial.answers(trial.fitted)
    part = trial.answers(trial.fitted, trial.vectors[N:][5:9])
    assert np.allclose(whole[5:9], part, atol=TOLERANCE * np.abs(whole).max()), (
        "the answer for a vector changes with what is asked beside it"
    )


def answering_changes_nothing(trial: Trial) -> None:
    first = trial.answers(trial.fitted)
    assert np.array_equal(first, trial.answers(trial.fitted)), (
        "asking twice gives two answers; seed what is random, change no state"
    )


CHECKS: list[Check] = [
    is_a_predictor_or_a_classifier,
    settings_have_types_ranges_and_defaults_that_fit,
    constructor_stores_its_arguments,
    fit_gives_the_predictor_itself,
    answers_with_finite_arrays_of_the_right_shape,
    same_seed_gives_the_same_answers,
    fitting_again_starts_from_scratch,
    an_answer_does_not_depend_on_its_neighbours,
    answering_changes_nothing,
]


def check(cls: Any) -> Iterator[tuple[str, str | None]]:
    """As `framework.checks.encoders.check`, of a predictor."""
    with threadpool_limits(1):  # as a task has it
        yield from outcomes(CHECKS, Trial(cls))


def _same(trial: Trial, other: Any, problem: str) -> None:
    assert np.array_equal(trial.answers(trial.fitted), trial.answers(other)), problem
