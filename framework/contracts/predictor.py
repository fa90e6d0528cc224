"""The contract of a predictor: from latent vectors or descriptors to a property or a class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np


class Probe:
    """Learns from labelled vectors; its own settings it chooses inside what it is given.

    Constructor arguments are stored under their own names.

    Attributes:
        seed: of everything random in it; set before ``fit``.
    """

    seed: int = 0


class Predictor(Probe, ABC):
    """Learns a property."""

    @abstractmethod
    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        """Learn values (n,) from vectors (n, d).

        Args:
            groups: (n,) equal for samples that must not stand on both sides of an inner
                hold-out, such as polymorphs.
        """

    @abstractmethod
    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Values (m,) for vectors (m, d)."""


class Classifier(Probe, ABC):
    """Learns classes.

    Attributes:
        classes_: the classes (k,) that it has learned from, sorted.
    """

    classes_: np.ndarray

    @abstractmethod
    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        """Learn classes (n,), at least two different ones, from vectors (n, d); see
        `Predictor.fit`."""

    @abstractmethod
    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """The probability of each class (m, k), in the order of ``classes_``, for vectors (m, d)."""
