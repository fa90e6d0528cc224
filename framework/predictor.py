"""The contract of a predictor: from latent vectors or descriptors to a property."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np


class Predictor(ABC):
    """Learns a property from vectors; its own settings it chooses inside what it is given.

    Constructor arguments are stored under their own names.

    Attributes:
        seed: of everything random in it; set before ``fit``.
    """

    seed: int = 0

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
