"""The contract of an encoder: three verbs, and everything learned in attributes ending in ``_``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np

from framework.contracts.fitted import Fitted


def _silent(done: int, total: int) -> None:
    """Reports no progress."""


class Encoder(Fitted, ABC):
    """Maps samples to latent vectors, and scores how plausible they are.

    Constructor arguments are stored under their own names; ``width`` and, where an encoder asks
    for it, ``n_elements`` are supplied by the framework from the samples.

    Attributes:
        representation: name of the representation that it reads. An encoder that can read any
            has a constructor argument of this name, whose default it is.
        baseline: whether it is a reference point rather than a contestant in leaderboards.
        seed: of everything random in it; set before ``fit``.
        progress: called with (steps done, steps in total) while fitting.
    """

    checkpoint = "encoder.npz"
    representation: str
    baseline: ClassVar[bool] = False
    seed: int = 0
    progress: Callable[[int, int], None] = staticmethod(_silent)

    @abstractmethod
    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Learn from the training samples; ``validation`` is watched, never learned from."""

    @abstractmethod
    def transform(self, samples: Any) -> np.ndarray:
        """Latent vectors (n, latent_dim)."""

    @abstractmethod
    def score_samples(self, samples: Any) -> np.ndarray:
        """Plausibility (n,), higher = more plausible."""

    @contextmanager
    def as_it_stands(self) -> Iterator[None]:
        """Within ``progress``, lets the encoder score with what it has learned so far."""
        yield

    @property
    def history(self) -> dict[str, list[float]]:
        """Training curves by name, one value an epoch; empty where nothing is iterated."""
        return {}
