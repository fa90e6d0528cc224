"""The two kinds of learner: of a property, of classes. A registered one reads vectors (n, d)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from framework.contracts.learner import Learner


class Predictor(Learner):
    """Learns a property."""

    @abstractmethod
    def predict(self, inputs: Any) -> np.ndarray:
        """Values (m,) of m items."""

    def uncertainty(self, inputs: Any) -> np.ndarray | None:
        """The standard deviation (m,) of each value, in its unit; None where it states none."""
        return None


class Classifier(Learner):
    """Learns classes, at least two; their probabilities are its uncertainty.

    Attributes:
        classes_: the classes (k,) that it has learned from, sorted.
    """

    classes_: np.ndarray

    @abstractmethod
    def predict_proba(self, inputs: Any) -> np.ndarray:
        """The probability of each class (m, k), in the order of ``classes_``, of m items."""
