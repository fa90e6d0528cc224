"""What every encoder must hold to: the checks behind `phasezoo check` and the test suite.

Each check takes a class and a `Trial` and raises AssertionError with a sentence that tells the
author what is wrong.
"""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.checks.checks import (
    TOLERANCE,
    Check,
    assert_documented,
    constructor_stores_its_arguments,
    outcomes,
    settings_have_types_ranges_and_defaults_that_fit,
)
from framework.contracts.context import Context
from framework.contracts.dataset import take
from framework.contracts.encoder import Encoder
from framework.neural.encoder import NeuralEncoder
from framework.neural.samples import TensorSamples
from framework.neural.training import Settings
from framework.registry.parameters import parameters
from framework.registry.registry import REPRESENTATIONS
from framework.runs.components import GIVEN, construct, resolve_task, tried
from framework.runs.items import items_of

N_TRAIN, N_OTHER, N_KNOWN = 96, 48, 192
FITTING: tuple[dict[str, Any], ...] = (
    {"name": "plausibility"},
    {"name": "property", "properties": ["formation_energy"], "sample": 150},
)
"""Tasks on whose items of the embedded data encoders are tried."""


@dataclass
class Trial:
    """A class under test, and a small real sample to test it on."""

    cls: Any
    items: xr.Dataset
    given: ClassVar = GIVEN

    @cached_property
    def everything(self) -> TensorSamples:
        """Training items, then others: unexplored ones, or more reported ones if there are none."""
        is_reported = self.items["reported"].values
        reported, others = np.flatnonzero(is_reported), np.flatnonzero(~is_reported)
        if not len(others):
            reported, others = reported[::2], reported[1::2]
        chosen = [_spread(reported, N_TRAIN), _spread(others, N_OTHER)]
        small = take(self.items, np.concatenate(chosen))
        representation = REPRESENTATIONS.load(self.cls.representation)()
        samples: TensorSamples = representation.fit(small, np.arange(N_TRAIN)).transform(small)
        return samples

    @cached_property
    def train(self) -> TensorSamples:
        return self.everything.take(np.arange(N_TRAIN))

    def fresh(self, seed: int = 0) -> Encoder:
        """An unfitted encoder with defaults, its training cut to two epochs."""
        values = {n: p.default for n, p in parameters(self.cls, given=GIVEN).items()}
        values |= {"epochs": 2} if "epochs" in values else {}
        encoder = construct(self.cls, values, self.train, seed)
        for part in encoder.modules() if isinstance(encoder, NeuralEncoder) else ():
            if isinstance(part, NeuralEncoder) and isinstance(part.settings, Settings):
                part.settings = dataclasses.replace(part.settings, epochs=2)
        if encoder.uses_context:
            encoder.context = self.context
        return encoder

    @cached_property
    def context(self) -> Context:
        """A sample of the reported items, and the others of the small one as candidates."""
        known = _spread(np.flatnonzero(self.items["reported"].values), N_KNOWN)
        reported = self.items.isel(material=known)
        names, first = np.unique(reported["element_set"].values.astype(str), return_index=True)
        others = self.everything.take(np.arange(N_TRAIN, N_TRAIN + N_OTHER))
        return Context(others, names, reported["order"].values[first])

    @cached_property
    def fitted(self) -> Encoder:
        return self.fresh().fit(self.train, self.everything.take(np.arange(N_TRAIN, N_TRAIN + 8)))


def is_an_encoder_of_a_registered_representation(trial: Trial) -> None:
    assert inspect.isclass(trial.cls) and issubclass(trial.cls, Encoder), (
        "the item is not a subclass of Encoder (framework.contracts.encoder) or NeuralEncoder"
    )
    name = getattr(trial.cls, "representation", None)
    assert isinstance(name, str), "set the class attribute 'representation' to a registered name"
    REPRESENTATIONS.require(name, f"{trial.cls.__name__}.representation")
    assert_documented(trial.cls)


def refuses_to_answer_before_fit(trial: Trial) -> None:
    for verb in ("transform", "score_samples"):
        try:
            getattr(trial.fresh(), verb)(trial.train)
        except UserError:
            continue
        raise AssertionError(f"{verb} before fit must call self.require_fitted()")


def answers_with_finite_arrays_of_the_right_shape(trial: Trial) -> None:
    n = len(trial.everything)
    scores = trial.fitted.score_samples(trial.everything)
    latents = trial.fitted.transform(trial.everything)
    assert isinstance(scores, np.ndarray) and scores.shape == (n,), (
        f"score_samples gives {np.shape(scores)}, not ({n},)"
    )
    assert isinstance(latents, np.ndarray) and latents.ndim == 2 and len(latents) == n, (
        f"transform gives {np.shape(latents)}, not ({n}, latent_dim)"
    )
    for name, array in {"score_samples": scores, "transform": latents}.items():
        assert np.isfinite(array).all(), f"{name} gives values that are not finite"


def same_seed_gives_the_same_scores(trial: Trial) -> None:
    again = trial.fresh().fit(trial.train, trial.everything.take(np.arange(N_TRAIN, N_TRAIN + 8)))
    _same(
        trial,
        again,
        "two fits with the same seed differ; draw from the global torch state, own weights in reset()",
        0,
    )


def fitting_again_starts_from_scratch(trial: Trial) -> None:
    encoder = trial.fresh().fit(trial.train.take(np.arange(N_TRAIN // 2)))
    encoder.fit(trial.train, trial.everything.take(np.arange(N_TRAIN, N_TRAIN + 8)))
    _same(trial, encoder, "a second fit remembers the first; override reset() for own weights", 0)


def a_score_does_not_depend_on_its_neighbours(trial: Trial) -> None:
    order = np.random.default_rng(0).permutation(len(trial.everything))[:20]
    whole = trial.fitted.score_samples(trial.everything)[order]
    if isinstance(trial.fitted, NeuralEncoder) and trial.fitted.settings.score_draws:
        return  # noisy passes draw in the order of the batch
    part = trial.fitted.score_samples(trial.everything.take(order))
    scale = np.abs(whole).max() + 1e-12
    assert np.allclose(whole / scale, part / scale, atol=TOLERANCE), (
        "the score of a sample changes with what is scored beside it (a batch norm in training "
        "mode, a rank within the batch?)"
    )


def scoring_changes_nothing(trial: Trial) -> None:
    first = trial.fitted.score_samples(trial.everything)
    trial.fitted.transform(trial.everything)
    assert np.array_equal(first, trial.fitted.score_samples(trial.everything)), (
        "scoring twice gives two answers; seed what is random, change no state"
    )


def a_checkpoint_restores_the_same_scores(trial: Trial) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / trial.fitted.checkpoint
        trial.fitted.save(path)
        _same(trial, trial.fresh(1).restore(path), "a restored encoder scores differently", 1e-6)


def every_weight_takes_part_in_the_loss(trial: Trial) -> None:
    encoder = trial.fitted
    if not isinstance(encoder, NeuralEncoder):
        return
    import torch

    batch = next(trial.train.in_batches())
    encoder.train()
    encoder.zero_grad()
    terms = encoder.loss(batch)
    assert isinstance(terms, dict) and terms, "loss must give a dict of named terms"
    torch.stack(list(terms.values())).sum().backward()
    idle = [name for name, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
    encoder.zero_grad()
    encoder.eval()
    assert not idle, f"no gradient reaches {', '.join(idle)}"


def training_lowers_the_loss(trial: Trial) -> None:
    if isinstance(trial.fitted, NeuralEncoder):
        curve = trial.fitted.history["train_loss"]
        assert curve[-1] < curve[0], (
            f"the training loss does not fall: {curve[0]:g} to {curve[-1]:g}"
        )


CHECKS: list[Check] = [
    is_an_encoder_of_a_registered_representation,
    settings_have_types_ranges_and_defaults_that_fit,
    constructor_stores_its_arguments,
    refuses_to_answer_before_fit,
    answers_with_finite_arrays_of_the_right_shape,
    same_seed_gives_the_same_scores,
    fitting_again_starts_from_scratch,
    a_score_does_not_depend_on_its_neighbours,
    scoring_changes_nothing,
    a_checkpoint_restores_the_same_scores,
    every_weight_takes_part_in_the_loss,
    training_lowers_the_loss,
]


def items_for(cls: Any, dataset: str) -> xr.Dataset:
    """Items of a data set that a class can be tried on: element sets, or where its representation
    shows none, materials."""
    shown: dict[str, Any] = {"name": getattr(cls, "representation", None), "parameters": {}}
    for task in FITTING:
        settings = resolve_task(task, "check")
        items = items_of({"dataset": {"name": dataset, "parameters": {}}, "task": settings})
        if shown["name"] not in REPRESENTATIONS.names():
            break  # the first check says so
        with suppress(UserError):
            tried(shown, items)
            break
    return items


def check(cls: Any, items: xr.Dataset) -> Iterator[tuple[str, str | None]]:
    """Run every check; stops after the first that fails, since the next would fail for it.

    Yields:
        the check as a sentence, and what is wrong (None where it holds).
    """
    return outcomes(CHECKS, Trial(cls, items))


def _spread(index: np.ndarray, n: int) -> np.ndarray:
    """n of the indices, evenly spaced."""
    return index[:: max(1, len(index) // n)][:n]


def _same(trial: Trial, other: Encoder, problem: str, tolerance: float) -> None:
    expected = trial.fitted.score_samples(trial.everything)
    found = other.score_samples(trial.everything)
    scale = np.abs(expected).max() + 1e-12
    assert np.allclose(expected / scale, found / scale, rtol=0, atol=tolerance), problem
