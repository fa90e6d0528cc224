"""The contract of what learns labels: probes on latent vectors, and encoders that learn end to end.

Both kinds of it (`framework.contracts.predictor`) answer the same two questions, `fit` and then
`predict` or `predict_proba`. They differ only in what they read, vectors or samples, which their
encoder says (`framework.contracts.encoder.Encoder.learner_input`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np


class Learner(ABC):
    """Learns the labels of some items and answers for others.

    Its own settings it chooses inside what it is given. Constructor arguments are stored under
    their own names.

    Attributes:
        seed: of everything random in it; set before ``fit``.
    """

    seed: int = 0

    @abstractmethod
    def fit(self, inputs: Any, labels: np.ndarray, groups: np.ndarray) -> Self:
        """Learn labels, from scratch each time.

        Args:
            inputs: of n labelled items: vectors (n, d), or samples.
            labels: values or classes (n,), none missing.
            groups: (n,) equal for items that must not be on both sides of an inner hold-out, such
                as polymorphs.
        """


def part(inputs: Any, index: np.ndarray) -> Any:
    """What a learner reads of the items at ``index`` (m,), of vectors and of samples alike."""
    return inputs[index] if isinstance(inputs, np.ndarray) else inputs.take(index)
