"""Scales on which a bounded metric has an about symmetric sampling distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A transform of a metric.

    Attributes:
        low, high: the ends of the range inside which it is defined.
        slope: the derivative of ``forward``.
    """

    low: float
    high: float
    forward: Callable[[float], float]
    inverse: Callable[[float], float]
    slope: Callable[[float], float]

    def holds(self, value: float) -> bool:
        """Whether a value lies inside the range."""
        return self.low < value < self.high


def _logistic(y: float) -> float:
    return 0.5 * (1 + math.tanh(y / 2))


IDENTITY = Scale(-math.inf, math.inf, lambda x: x, lambda y: y, lambda x: 1.0)
LOGIT = Scale(0, 1, lambda x: math.log(x / (1 - x)), _logistic, lambda x: 1 / (x * (1 - x)))
"""Of shares and probabilities."""
LOG = Scale(0, math.inf, math.log, math.exp, lambda x: 1 / x)
"""Of what is 0 or more."""
FISHER = Scale(-1, 1, math.atanh, math.tanh, lambda x: 1 / (1 - x**2))
"""Of correlations. Source: Fisher, Biometrika 10, 507 (1915)."""
LOG_OF_REST = Scale(
    -math.inf, 1, lambda x: -math.log(1 - x), lambda y: 1 - math.exp(-y), lambda x: 1 / (1 - x)
)
"""Of what is at most 1 and has no least value."""
